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

/// One of T<Machine>, Machine being the device with each of the architectures that this file is compiled for.
template <class Runtime, template <class> class T, class Archs = decltype(gpu_targets<Runtime>::archs::template held_by<gpu_targets<Runtime>>())>
struct on_each;
template <class Runtime, template <class> class T, class... Archs>
struct on_each<Runtime, T, arch_list<Archs...>> {
  using type = std::variant<T<gpu_machine<Runtime, Archs>>...>;
};

/// A sequence's memory on a device: `on<Machine>` of an architecture, made from `from<Machine>(source)`. Of pages: runtime/paged_on_device.hpp.
template <class Memory>
struct memory_of_device;
template <class Decoder, class Runtime>
struct memory_of_device<own_memory<Decoder, gpu_device<Runtime>>> {
  using source = index_t;
  template <class Machine>
  using on = own_memory<Decoder, Machine>;
  template <class Machine>
  static index_t from(index_t capacity) {
    return capacity;
  }
};

}  // namespace detail

/// As on any machine; immutable and cheap to copy.
template <class Decoder, class Runtime>
class model<Decoder, gpu_device<Runtime>> {
 public:
  template <class Machine>
  using on = model<Decoder, Machine>;
  using one_of = typename detail::on_each<Runtime, on>::type;
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

/// As on any machine.
template <class Decoder, class Runtime, class Memory>
class sequence<Decoder, gpu_device<Runtime>, Memory> {
  using memory_of = detail::memory_of_device<Memory>;
  template <class Machine>
  using on = sequence<Decoder, Machine, typename memory_of::template on<Machine>>;
  using one_of = typename detail::on_each<Runtime, on>::type;

 public:
  using decoder_type = Decoder;
  static constexpr bool draws_tokens = true;

  sequence(const model<Decoder, gpu_device<Runtime>>& owner, typename memory_of::source from)
      : one_(std::visit([&]<class Machine>(const model<Decoder, Machine>& m) { return one_of(on<Machine>(m, memory_of::template from<Machine>(from))); }, owner.on_arch())) {}

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
  sequence fork(index_t length) const
    requires requires { memory_of::pages; }
  {
    return sequence(std::visit([&](const auto& s) { return one_of(s.fork(length)); }, one_));
  }
  sequence fork() const
    requires requires { memory_of::pages; }
  {
    return fork(length());
  }

 private:
  explicit sequence(one_of one) : one_(std::move(one)) {}
  one_of one_;
};

/// load (model/load.hpp) onto a GPU. Throws tenon::error also where the device is older than what this file was compiled for.
template <class Decoder, class Runtime>
model<Decoder, gpu_device<Runtime>> load(weights_file file, const gpu_device<Runtime>& device) {
  return with_arch(device, [&](const auto& machine) { return model<Decoder, gpu_device<Runtime>>(load<Decoder>(std::move(file), machine)); });
}

}  // namespace tenon
