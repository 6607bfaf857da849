#pragma once
// What the kernels of a GPU are told about a block of tokens: memory [first, length, tokens...], written before they start. Launches of the
// next block are the same launches, so that they can be recorded once and replayed.

#include <cstring>
#include <optional>

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>

TENON_KERNELS_BEGIN

template <device_machine Machine>
struct place_on<Machine> {
  using type = device_place;
};

/// They are written to memory of the machine, taken for the purpose.
template <device_machine Machine>
struct results_on<Machine> {
  const Machine& machine;
  view<float, 2> out;
  typename memory_on<Machine>::type memory;
  view<float, 2> rows;

  results_on(const Machine& on, view<float, 2> to)
      : machine(on), out(to), memory(allocate(on, static_cast<std::size_t>(to.size()) * sizeof(float), "results")),
        rows(reinterpret_cast<float*>(memory.data()), to.extent[0], to.extent[1]) {}
  void collect() const {
    await(machine);
    for (index_t i = 0; i < out.extent[0]; ++i)
      for (index_t j = 0; j < out.extent[1]; ++j) out(i, j) = rows(i, j);
  }
};

template <device_machine Machine>
std::size_t announcement_bytes(const Machine&, index_t tokens) {
  return round_up(static_cast<std::size_t>(tokens + 2) * sizeof(std::int32_t), 64);
}
/// Both wait for the kernels of the block before, which read the same memory.
template <device_machine Machine>
device_place announce_place(const Machine& machine, index_t count, index_t first, std::byte* memory) {
  auto* const at = reinterpret_cast<std::int32_t*>(memory);
  await(machine);
  at[0] = static_cast<std::int32_t>(first), at[1] = static_cast<std::int32_t>(first + count);
  wrote(machine, memory, 2 * sizeof(std::int32_t));
  return {first, at};
}
template <device_machine Machine>
announcement<Machine> announce(const Machine& machine, const std::int32_t* tokens, index_t count, index_t first, std::byte* memory) {
  const device_place place = announce_place(machine, count, first, memory);
  auto* const at = reinterpret_cast<std::int32_t*>(memory) + 2;
  std::memcpy(at, tokens, static_cast<std::size_t>(count) * sizeof(std::int32_t));
  wrote(machine, at, static_cast<std::size_t>(count) * sizeof(std::int32_t));
  return {at, place};
}

/// A graph of what f launches. f is told to a recorder when it is first called and when `reach` changes, and forgotten then.
template <device_machine Machine>
  requires gpu_recorder<Machine>
class repeated_on<Machine> {
 public:
  template <class F>
  void operator()(const Machine& machine, index_t reach, F&& f) {
    if (!recorded_ || reach != reach_) {
      recorded_.reset();
      recorded_.emplace(machine, call{&f, [](const void* of, const Machine& on) { (*static_cast<const std::remove_reference_t<F>*>(of))(on); }});
      reach_ = reach;
    }
    recorded_->replay();
  }

 private:
  struct call {
    const void* f;
    void (*run)(const void*, const Machine&);
    void operator()(const Machine& on) const { run(f, on); }
  };
  std::optional<recording<Machine, call>> recorded_;
  index_t reach_ = 0;
};
template <device_machine Machine>
index_t reach_on(const Machine&, index_t length, index_t capacity) {
  return reach_of(length, capacity);
}

TENON_KERNELS_END
