#pragma once
// What simulated threads do with barriers that have phases, and with the copy engine. Sources: PTX ISA, mbarrier, cp.async.bulk.tensor and the
// async proxy.

#include <tenon/kernels/atoms/simulated/access.hpp>

TENON_KERNELS_BEGIN
namespace simulation {
namespace phase_detail {

inline constexpr std::size_t none = ~std::size_t{0};

template <class... Words>
void invalid(executor& e, site_id at, const Words&... words) {
  e.fail(fault_kind::invalid, at, 0, -1, [&] {
    std::string text;
    ((text += words), ...);
    return text + " at " + e.at(at, e.me().thread);
  });
}

// The barrier at an address, ordered after its initialisation; none: a fault.
inline std::size_t find(executor& e, std::uint32_t address, site_id at) {
  if (!access_detail::allowed_shared(e, address, 8, "barrier", at)) return none;
  const std::uint32_t offset = address - e.shared_base();
  if (e.checked()) access_detail::report_conflict(e, e.shadow().read(offset, 8, e.as(e.me(), at)), false, at);
  for (std::size_t i = 0; i < e.phases().size(); ++i)
    if (e.phases()[i].at == offset) return i;
  invalid(e, at, "a barrier at byte ", std::to_string(offset), " of shared memory that nobody initialised, used");
  return none;
}

inline accessor engine_of(executor& e, std::size_t barrier, site_id at) {
  accessor by = e.as(e.me(), at);
  by.thread = static_cast<std::uint32_t>(e.seen_width() - executor::most_phases + barrier);
  return by;
}

// The barrier at which a copy counts.
inline std::size_t counting(executor& e, std::uint32_t barrier, site_id at) {
  const std::size_t which = find(e, barrier, at);
  if (which == none || e.phases()[which].published) return which;
  invalid(e, at, "a copy that counts at a barrier which was not published, issued");
  return none;
}

// A copy sets out, by this thread.
inline void send(executor& e, std::size_t which, box_flight&& flight) {
  e.count(instruction::async_copy);
  if (e.checked()) {
    conflict found;
    const lane& l = e.me();
    for (const box_piece& p : flight.pieces) {
      if (found.kind == conflict::none)
        found = e.shadow().engine(p.to, 16, e.as(l, flight.at), true, [&](std::uint32_t thread, std::uint32_t time) { return e.fenced(l, thread, time); });
      e.shadow().send(p.to, 16, engine_of(e, which, flight.at));
    }
    access_detail::report_conflict(e, found, true, flight.at);
  }
  phase_barrier& b = e.phases()[which];
  if (e.how().copies == copies::eager) {
    flight.land(e.shared());
    b.announced -= flight.bytes();
  }
  b.flights.push_back(static_cast<box_flight&&>(flight));
  e.try_end(which);
}

}  // namespace phase_detail

inline void init_arrivals(std::uint32_t address, int count, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  if (!access_detail::allowed_shared(e, address, 8, "barrier", at)) return;
  if (count < 1 || e.phases().size() == executor::most_phases) return phase_detail::invalid(e, at, "a barrier for ", std::to_string(count), " arrivals, or one of too many,");
  const std::uint32_t offset = address - e.shared_base();
  e.begin_phases();
  if (e.checked()) access_detail::report_conflict(e, e.shadow().write(offset, 8, e.as(e.me(), at)), true, at);
  for (const phase_barrier& b : e.phases())
    if (b.at == offset) return phase_detail::invalid(e, at, "a barrier initialised again");
  phase_barrier made{offset, count, count, 0, 0, e.me().thread, false, {}, {}, {}};
  made.gathered.assign(e.seen_width(), 0);
  made.released = made.gathered;
  e.phases().push_back(static_cast<phase_barrier&&>(made));
}

/// Barriers that this thread has initialised may be used by the copy engine.
inline void publish_arrivals() {
  executor& e = *executor::current();
  for (phase_barrier& b : e.phases()) b.published |= b.made_by == e.me().thread;
}

inline void arrive(std::uint32_t address, int bytes, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  const std::size_t which = phase_detail::find(e, address, at);
  if (which == phase_detail::none) return;
  phase_barrier& b = e.phases()[which];
  e.count(instruction::arrival);
  if (b.pending == 0) return phase_detail::invalid(e, at, "an arrival too many for the phase");
  const lane& l = e.me();
  const std::uint32_t* const seen = e.seen_by(l);
  for (std::size_t i = 0; i < b.gathered.size(); ++i) b.gathered[i] = std::max(b.gathered[i], seen[i]);
  const warp_state& w = e.warp_of(l);
  for (int i = 0; i < w.lanes; ++i) {
    std::uint32_t& of_lane = b.gathered[static_cast<std::size_t>(w.first + i)];
    of_lane = std::max(of_lane, w.start);
  }
  b.gathered[static_cast<std::size_t>(l.thread)] = e.tick();
  b.announced += bytes;
  --b.pending;
  e.try_end(which);
}

inline void await_arrivals(std::uint32_t address, int parity, const site& where) {
  executor& e = *executor::current();
  lane& l = e.me();
  l.at = e.place(where);
  const std::size_t which = phase_detail::find(e, address, l.at);
  if (which == phase_detail::none) return e.give_up();
  if (l.index == 0) e.count(instruction::wait);
  e.await_phase(which, parity & 1);
}

inline void fence_shared() {
  executor& e = *executor::current();
  e.me().fences.push_back(e.tick());
  e.me().fenced_block = e.block_start();
}

/// A box of `map` at `origin`, the innermost axis first, to shared memory; its bytes count at `barrier`.
inline void copy_box(std::uint32_t to, const tensor_map& map, std::uint32_t barrier, const int (&origin)[4], int axes, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  tensor_shape shape;
  std::memcpy(&shape, map.opaque, sizeof shape);
  if (map.opaque[15] != tensor_map_mark || shape.axes != axes) return phase_detail::invalid(e, at, "a copy through a map of other axes, or one that this machine did not encode,");
  if (to % 1024 != 0) return phase_detail::invalid(e, at, "a copy to an address that is not a multiple of 1024");
  const std::size_t which = phase_detail::counting(e, barrier, at);
  if (which == phase_detail::none) return;
  box_flight flight{{}, at, false};
  std::uint32_t index[4] = {}, row = 0;
  for (bool more = true; more; ++row) {
    bool outside = false;
    std::uint64_t from = reinterpret_cast<std::uintptr_t>(shape.first);
    for (int axis = 1; axis < axes; ++axis) {
      const std::int64_t place = std::int64_t{origin[axis]} + index[axis];
      outside |= place < 0 || place >= shape.extent[axis];
      from += static_cast<std::uint64_t>(place) * shape.stride[axis];
    }
    const std::int64_t first = std::int64_t{origin[0]} * shape.element_bytes, end = std::int64_t{shape.extent[0]} * shape.element_bytes;
    if (first < 0 || first % 16 != 0) return phase_detail::invalid(e, at, "a copy of a box that begins within 16 bytes, or before its rows, issued");
    for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
      const std::uint32_t address = permuted_128(to + row * 128 + chunk * 16);
      const std::int64_t left = outside ? 0 : end - first - chunk * 16;
      const auto kept = static_cast<std::uint32_t>(left < 0 ? 0 : left > 16 ? 16 : left);
      const auto* source = reinterpret_cast<const std::byte*>(from + static_cast<std::uint64_t>(first) + chunk * 16);
      if (!access_detail::allowed_shared(e, address, 16, "copy", at)) return;
      if (kept > 0 && !access_detail::allowed_global(e, source, kept, 1, false, at)) return;
      flight.pieces.push_back({address - e.shared_base(), source, kept});
    }
    more = false;
    for (int axis = 1; axis < axes && !more; ++axis) {
      more = ++index[axis] < shape.box[axis];
      if (!more) index[axis] = 0;
    }
  }
  phase_detail::send(e, which, static_cast<box_flight&&>(flight));
}

/// Bytes that lie in a row, in 16s, to shared memory; they count at `barrier`.
inline void copy_bytes(std::uint32_t to, const void* from, int bytes, std::uint32_t barrier, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  if (to % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0 || bytes <= 0 || bytes % 16 != 0)
    return phase_detail::invalid(e, at, "a copy of ", std::to_string(bytes), " bytes that is not of 16s from a multiple of 16 to one, issued");
  const std::size_t which = phase_detail::counting(e, barrier, at);
  if (which == phase_detail::none) return;
  const auto size = static_cast<std::uint32_t>(bytes);
  if (!access_detail::allowed_global(e, from, size, 1, false, at)) return;
  box_flight flight{{}, at, false};
  for (std::uint32_t i = 0; i < size; i += 16) {
    if (!access_detail::allowed_shared(e, to + i, 16, "copy", at)) return;
    flight.pieces.push_back({to + i - e.shared_base(), static_cast<const std::byte*>(from) + i, 16});
  }
  phase_detail::send(e, which, static_cast<box_flight&&>(flight));
}

}  // namespace simulation
TENON_KERNELS_END
