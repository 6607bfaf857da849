#pragma once
// What a vendor's library hands out through a pointer and takes back by another function, released at its end, whatever failed in between.

namespace tenon_bench {

template <class>
struct first_target;
template <class Status, class T, class... More>
struct first_target<Status (*)(T*, More...)> {
  using type = T;
};

/// Made by Create(&it, ...), whose status `need` looks at and may throw for, and released by Destroy(it).
template <auto Create, auto Destroy>
class owned {
 public:
  template <class Need, class... More>
  explicit owned(const Need& need, More... more) {
    need(Create(&it_, more...));
  }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() { static_cast<void>(Destroy(it_)); }
  operator typename first_target<decltype(Create)>::type() const { return it_; }

 private:
  typename first_target<decltype(Create)>::type it_{};
};

}  // namespace tenon_bench
