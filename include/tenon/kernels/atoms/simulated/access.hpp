#pragma once
// Loads, stores and copies of a simulated thread, each checked against what is known of the bytes. An access that a GPU would
// not survive is not performed; a load gives a NaN in every format instead.

#include <tenon/kernels/atoms/simulated/executor.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

namespace access_detail {

inline std::string where_shared(std::size_t byte) { return "byte " + std::to_string(byte) + " of shared memory"; }

inline void report_conflict(executor& e, const conflict& found, bool write, site_id at) {
  const int thread = e.me().thread, with = static_cast<int>(found.with);
  const auto here = [&] { return (write ? "write at " : "read at ") + e.at(at, thread); };
  switch (found.kind) {
    case conflict::none:
      return;
    case conflict::unwritten:
      return e.fail(fault_kind::uninitialised, at, 0, -1,
                    [&] { return here() + " of " + where_shared(found.byte) + ", which no thread has written"; });
    case conflict::in_use:
      return e.fail(fault_kind::skipped_await, at, found.at, with, [&] {
        return here() + " of " + where_shared(found.byte) + ", which the product issued at " + e.at(found.at, with) +
               " may still read. Fix: wait for it, then tell the writer";
      });
    case conflict::unfenced:
      return e.fail(fault_kind::race, at, found.at, with, [&] {
        return (write ? "copy at " : "product at ") + e.at(at, thread) + " of " + where_shared(found.byte) + " after a write at " +
               e.at(found.at, with) + " that was not shown to it. Fix: the writer's fence_shared";
      });
    case conflict::in_flight:
      return e.fail(fault_kind::skipped_await, at, found.at, with, [&] {
        return here() + " of " + where_shared(found.byte) + ", which the copy issued at " + e.at(found.at, with) +
               " may still write. Fix: wait for it, then a barrier";
      });
    default:
      return e.fail(fault_kind::race, at, found.at, with, [&] {
        return here() + " and " + (found.kind == conflict::race_read_write ? "read at " : "write at ") + e.at(found.at, with) + " of " +
               where_shared(found.byte) + " are not ordered. Fix: a barrier between them";
      });
  }
}

// Whether the access may be performed.
inline bool allowed_shared(executor& e, std::uint32_t address, std::size_t bytes, const char* verb, site_id at) {
  const std::uint32_t base = e.shared_base();
  if (address < base || address - base + bytes > e.shared_bytes()) {
    e.fail(fault_kind::out_of_bounds, at, 0, -1, [&] {
      return std::string(verb) + " at " + e.at(at, e.me().thread) + " of " + std::to_string(bytes) + " bytes at byte " +
             std::to_string(static_cast<std::int64_t>(address) - base) + " of " + std::to_string(e.shared_bytes()) +
             " of shared memory";
    });
    return false;
  }
  if (address % bytes == 0) return true;
  e.fail(fault_kind::misaligned, at, 0, -1, [&] {
    return std::string(verb) + " at " + e.at(at, e.me().thread) + " of " + std::to_string(bytes) + " bytes at byte " +
           std::to_string(address - base) + " of shared memory";
  });
  return false;
}

inline bool allowed_global(executor& e, const void* pointer, std::size_t bytes, std::size_t alignment, bool write, site_id at) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const char* verb = write ? "write" : "read";
  const auto here = [&] {
    return std::string(verb) + " at " + e.at(at, e.me().thread) + " of " + std::to_string(bytes) + " bytes at " +
           e.memory().describe(address);
  };
  region* r = e.memory().find(address, bytes);
  if (r == nullptr || (write && !r->writable)) {
    e.fail(fault_kind::out_of_bounds, at, 0, -1, [&] { return here() + (r == nullptr ? "" : ", which is read-only"); });
    return false;
  }
  if (address % alignment != 0) {
    e.fail(fault_kind::misaligned, at, 0, -1, here);
    return false;
  }
  if (!e.checked()) return true;
  const std::size_t first = address - r->first;
  const std::uint32_t before = e.memory().first_block(), block = before + e.linear_block() + 1;
  const accessor by = e.as(e.me(), at);
  bool unwritten = false;
  global_write raced;
  if (!r->written.empty()) {
    for (std::size_t i = first; i < first + bytes; ++i) {
      unwritten |= !write && r->written[i] == 0;
      if (write) r->written[i] = 1;
    }
  }
  if (r->writable) {
    for (std::size_t i = first; i < first + bytes; ++i) {
      global_write& last = r->writes[i];
      if (last.block > before && (last.block != block || (last.thread != by.thread && last.time >= e.since(last.thread, by)))) raced = last;
      if (write) last = {block, by.now, static_cast<std::uint16_t>(by.thread), at};
    }
  }
  if (unwritten) e.fail(fault_kind::uninitialised, at, 0, -1, [&] { return here() + ", which nobody has written"; });
  if (raced.block != 0)
    e.fail(fault_kind::race, at, raced.at, raced.thread, [&] {
      return here() + ", which " + (raced.block != block ? "another block of this launch" : "another thread") + " wrote at " +
             e.at(raced.at, raced.thread) + (raced.block != block ? "" : ". Fix: a barrier between them");
    });
  return true;
}

}  // namespace access_detail

template <class T>
T load_global(const T* from, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  T value;
  std::memset(&value, 0xff, sizeof value);
  if (!access_detail::allowed_global(e, from, sizeof(T), sizeof(T), false, at)) return value;
  e.log({reinterpret_cast<std::uintptr_t>(from), at, sizeof(T), false, instruction::global_load});
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store_global(T* to, const T& value, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  if (!access_detail::allowed_global(e, to, sizeof(T), sizeof(T), true, at)) return;
  e.log({reinterpret_cast<std::uintptr_t>(to), at, sizeof(T), false, instruction::global_store});
  std::memcpy(to, &value, sizeof value);
}

template <class T>
T load_shared(std::uint32_t from, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  T value;
  std::memset(&value, 0xff, sizeof value);
  if (!access_detail::allowed_shared(e, from, sizeof(T), "read", at)) return value;
  const std::uint32_t offset = from - e.shared_base();
  if (e.checked()) {
    access_detail::report_conflict(e, e.shadow().read(offset, sizeof(T), e.as(e.me(), at)), false, at);
    e.log({offset, at, sizeof(T), true, instruction::shared_load});
  }
  std::memcpy(&value, e.shared() + offset, sizeof value);
  return value;
}

template <class T>
void store_shared(std::uint32_t to, const T& value, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  if (!access_detail::allowed_shared(e, to, sizeof(T), "write", at)) return;
  const std::uint32_t offset = to - e.shared_base();
  if (e.checked()) {
    access_detail::report_conflict(e, e.shadow().write(offset, sizeof(T), e.as(e.me(), at)), true, at);
    e.log({offset, at, sizeof(T), true, instruction::shared_store});
  }
  std::memcpy(e.shared() + offset, &value, sizeof value);
}

/// 16 bytes to shared memory, the first `kept` of them from global memory, the others zero; they arrive between now and the wait.
inline void copy_16(std::uint32_t to, const void* from, int kept, const site& where) {
  executor& e = *executor::current();
  const site_id at = e.place(where);
  if (kept < 0 || kept > 16)
    return e.fail(fault_kind::invalid, at, 0, -1,
                  [&] { return "copy at " + e.at(at, e.me().thread) + " of " + std::to_string(kept) + " bytes: 0 to 16 are allowed"; });
  if (!access_detail::allowed_shared(e, to, 16, "copy", at)) return;
  if (kept > 0 && !access_detail::allowed_global(e, from, static_cast<std::size_t>(kept), 16, false, at)) return;
  const std::uint32_t offset = to - e.shared_base();
  if (e.checked()) {
    access_detail::report_conflict(e, e.shadow().write(offset, 16, e.as(e.me(), at), true), true, at);
    e.log({offset, at, 16, true, instruction::async_copy});
    if (kept > 0) e.log({reinterpret_cast<std::uintptr_t>(from), at, 16, false, instruction::async_copy});
  }
  const flight copy{e.shared() + offset, kept > 0 ? static_cast<const std::byte*>(from) : nullptr, static_cast<std::uint32_t>(kept),
                    e.me().groups, at};
  if (e.how().copies == copies::eager) copy.arrive();
  e.me().flights.push_back(copy);
}

/// Closes a group of this thread's copies.
inline void commit_copies() { ++executor::current()->me().groups; }

/// Until all groups of this thread but the latest `pending` have arrived.
inline void wait_for_copies(int pending) {
  executor& e = *executor::current();
  lane& l = e.me();
  if (l.index == 0) e.count(instruction::wait);
  std::size_t left = 0;
  for (flight& f : l.flights) {
    if (f.group + static_cast<std::uint32_t>(pending) >= l.groups) {
      l.flights[left++] = f;
      continue;
    }
    if (e.how().copies == copies::lazy) f.arrive();
    if (e.checked()) e.shadow().land(static_cast<std::size_t>(f.to - e.shared()), 16, e.as(l, f.at));
  }
  l.flights.resize(left);
}

}  // namespace simulation
TENON_KERNELS_END
