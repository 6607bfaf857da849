#pragma once
// What the kernels of a GPU are told about a block of tokens: memory [first, length, tokens...], written before they start. Launches of the
// next block are the same launches, so that they can be recorded once and replayed.

#include <tenon/core/fault.hpp>
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
/// Machine::copy(to, from, bytes) copies to its memory in order with its kernels; `from` may change as soon as it returns.
template <device_machine Machine>
announcement<Machine> announce(const Machine& machine, const std::int32_t* tokens, index_t count, index_t first, std::byte* memory) {
  const std::int32_t place[2] = {static_cast<std::int32_t>(first), static_cast<std::int32_t>(first + count)};
  machine.copy(memory, place, sizeof place);
  machine.copy(memory + sizeof place, tokens, static_cast<std::size_t>(count) * sizeof(std::int32_t));
  const auto* at = reinterpret_cast<const std::int32_t*>(memory);
  return {at + 2, {first, at}};
}

TENON_KERNELS_END
