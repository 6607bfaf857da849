#pragma once
// Rules on the numbers inside a spec's mask and score, whatever they are composed of.

#include <type_traits>

#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace tenon::detail {

// Whether ask(part) holds for every simple part of a mask or a score.
template <class Part, class Ask>
consteval bool every_part(const Part& part, Ask ask) {
  return ask(part);
}
template <class A, class B, class Ask>
consteval bool every_part(const both<A, B>& m, Ask ask);
template <class A, class B, class Ask>
consteval bool every_part(const either<A, B>& m, Ask ask);
template <class A, class Ask>
consteval bool every_part(const except<A>& m, Ask ask);
template <class A, class B, class Ask>
consteval bool every_part(const chain<A, B>& s, Ask ask);

template <class A, class B, class Ask>
consteval bool every_part(const both<A, B>& m, Ask ask) {
  return every_part(m.first, ask) && every_part(m.second, ask);
}
template <class A, class B, class Ask>
consteval bool every_part(const either<A, B>& m, Ask ask) {
  return every_part(m.first, ask) && every_part(m.second, ask);
}
template <class A, class Ask>
consteval bool every_part(const except<A>& m, Ask ask) {
  return every_part(m.inner, ask);
}
template <class A, class B, class Ask>
consteval bool every_part(const chain<A, B>& s, Ask ask) {
  return every_part(s.first, ask) && every_part(s.second, ask);
}

// Every part of kind `Kind` satisfies `holds`.
template <class Kind, class Policy, class Holds>
consteval bool every_kind(const Policy& policy, Holds holds) {
  return every_part(policy, [holds]<class Part>(const Part& part) consteval {
    if constexpr (std::is_same_v<Part, Kind>)
      return holds(part);
    else
      return true;
  });
}

}  // namespace tenon::detail
