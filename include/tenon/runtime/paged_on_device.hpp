#pragma once
// Models over pages on a GPU that is met at run time, by the lines of runtime/paged_memory.hpp: pages_of(model, {...}) of a model that was loaded onto
// nvidia{0} or amd{0}.

#include <memory>
#include <variant>

#include <tenon/model/on_device.hpp>
#include <tenon/runtime/paged_memory.hpp>

namespace tenon {

/// As on any machine; outlives its sequences.
template <cache_number Number, class Runtime>
class page_pool<Number, gpu_device<Runtime>> {
 public:
  template <class Machine>
  using on = std::unique_ptr<page_pool<Number, Machine>>;
  using one_of = typename detail::on_each<Runtime, on>::type;
  explicit page_pool(one_of one) : one_(std::move(one)) {}

  const heads& shape() const {
    return std::visit([](const auto& p) -> const heads& { return p->shape(); }, one_);
  }
  index_t page_keys() const {
    return std::visit([](const auto& p) { return p->page_keys(); }, one_);
  }
  index_t layers() const {
    return std::visit([](const auto& p) { return p->layers(); }, one_);
  }
  index_t pages() const {
    return std::visit([](const auto& p) { return p->pages(); }, one_);
  }
  index_t free_pages() const {
    return std::visit([](const auto& p) { return p->free_pages(); }, one_);
  }
  std::size_t page_bytes() const {
    return std::visit([](const auto& p) { return p->page_bytes(); }, one_);
  }
  int uses(std::int32_t page) const {
    return std::visit([&](const auto& p) { return p->uses(page); }, one_);
  }
  /// The same on the machine of its architecture. Throws tenon::error where that is another.
  template <class Machine>
  page_pool<Number, Machine>& on_arch() {
    if (auto* const pool = std::get_if<on<Machine>>(&one_)) return **pool;
    throw error("[pool] was made for a GPU of another architecture than the model's. Fix: pages_of(model, ...), for the model that reads.");
  }

 private:
  one_of one_;
};

template <class Decoder, class Number, class Runtime>
struct detail::memory_of_device<paged_memory<Decoder, Number, gpu_device<Runtime>>> {
  static constexpr bool pages = true;
  using source = page_pool<Number, gpu_device<Runtime>>&;
  template <class Machine>
  using on = paged_memory<Decoder, Number, Machine>;
  template <class Machine>
  static page_pool<Number, Machine>& from(source pool) {
    return pool.template on_arch<Machine>();
  }
};

/// pages_of (runtime/paged_memory.hpp), on the device of the model.
template <class Decoder, class Runtime>
auto pages_of(const model<Decoder, gpu_device<Runtime>>& owner, const pages_spec& how) {
  using number = typename decltype(Decoder::spec::precision)::cache;
  using pool = page_pool<number, gpu_device<Runtime>>;
  return std::visit(
      [&]<class Machine>(const model<Decoder, Machine>& m) {
        return pool(typename pool::one_of(std::unique_ptr<page_pool<number, Machine>>(new page_pool<number, Machine>(pages_of(m, how)))));
      },
      owner.on_arch());
}

}  // namespace tenon
