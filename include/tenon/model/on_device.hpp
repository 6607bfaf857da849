#pragma once
// Models on a GPU that is met at run time, by the line that every machine takes: load<decoder<spec>>("model.gguf", nvidia{0}). Whose
// architecture's kernels run is decided once, when the model is loaded; below are only those that this file is compiled for.

#include <cstdint>
#include <span>
#include <utility>
#include <variant>

#include <tenon/kernels/launch/gpu/with_arch.hpp>
#include <tenon/model/load.hpp>

namespace tenon {
namespace detail {

template <class Decoder, class Runtime, class Archs = decltype(gpu_targets<Runtime>::archs::template held_by<gpu_targets<Runtime>>())>
struct on_each;
template <class Decoder, class Runtime, class... Archs>
struct on_each<Decoder, Runtime, arch_list<Archs...>> {
  using model = std::variant<tenon::model<Decoder, gpu_machine<Runtime, Archs>>...>;
  using sequence = std::variant<tenon::sequence<Decoder, gpu_machine<Runtime, Archs>>...>;
};

}  // namespace detail

/// As on any machine; immutable and cheap to copy.
template <class Decoder, class Runtime>
class model<Decoder, gpu_device<Runtime>> {
 public:
  using one_of = typename detail::on_each<Decoder, Runtime>::model;
  explicit model(one_of one) : one_(std::move(one)) {}

  const metadata& facts() const {
    return std::visit([](const auto& m) -> const metadata& { return m.facts(); }, one_);
  }
  gpu_device<Runtime> machine() const {
    return std::visit([](const auto& m) -> gpu_device<Runtime> { return m.machine(); }, one_);
  }
  std::size_t packed_bytes() const {
    return std::visit([](const auto& m) { return m.packed_bytes(); }, one_);
  }
  /// The same on the machine of its architecture.
  const one_of& on_arch() const { return one_; }

 private:
  one_of one_;
};

/// As on any machine, but for `fork`: no layer on a GPU keeps pages.
template <class Decoder, class Runtime, class Memory>
class sequence<Decoder, gpu_device<Runtime>, Memory> {
  using one_of = typename detail::on_each<Decoder, Runtime>::sequence;

 public:
  using decoder_type = Decoder;
  static constexpr bool draws_tokens = true;

  sequence(const model<Decoder, gpu_device<Runtime>>& owner, index_t capacity)
      : one_(std::visit([&]<class Machine>(const model<Decoder, Machine>& m) { return one_of(sequence<Decoder, Machine>(m, capacity)); }, owner.on_arch())) {}

  index_t length() const {
    return std::visit([](const auto& s) { return s.length(); }, one_);
  }
  index_t capacity() const {
    return std::visit([](const auto& s) { return s.capacity(); }, one_);
  }
  std::size_t memory() const {
    return std::visit([](const auto& s) { return s.memory(); }, one_);
  }
  skipped_work skipped() const {
    return std::visit([](const auto& s) { return s.skipped(); }, one_);
  }
  std::span<const float> read(std::span<const std::int32_t> tokens) {
    return std::visit([&](auto& s) { return s.read(tokens); }, one_);
  }
  void read(std::span<const std::int32_t> tokens, view<float, 2> out) {
    std::visit([&](auto& s) { s.read(tokens, out); }, one_);
  }
  void draw_as(const sampling& how, std::span<const std::int32_t> recent) {
    std::visit([&](auto& s) { s.draw_as(how, recent); }, one_);
  }
  std::int32_t next(std::span<const std::int32_t> tokens) {
    return std::visit([&](auto& s) { return s.next(tokens); }, one_);
  }
  void truncate(index_t length) {
    std::visit([&](auto& s) { s.truncate(length); }, one_);
  }

 private:
  one_of one_;
};

/// load (model/load.hpp) onto a GPU. Throws tenon::error also where the device is older than what this file was compiled for.
template <class Decoder, class Runtime>
model<Decoder, gpu_device<Runtime>> load(weights_file file, const gpu_device<Runtime>& device) {
  return with_arch(device, [&](const auto& machine) { return model<Decoder, gpu_device<Runtime>>(load<Decoder>(std::move(file), machine)); });
}

}  // namespace tenon
