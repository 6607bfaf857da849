// What a user's first program does: a view over their own memory, one of tenon's numbers.
#include <tenon/tenon.hpp>

#include <cstdio>

int main() {
  float numbers[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const tenon::view<float, 2> rows(&numbers[0][0], 2, 3);
  const bool right = rows(1, 2) == 6 && static_cast<float>(tenon::bf16(1.5f)) == 1.5f;
  std::printf("tenon %d.%d.%d: %s\n", TENON_VERSION / 10000, TENON_VERSION / 100 % 100, TENON_VERSION % 100, right ? "right" : "wrong");
  return right ? 0 : 1;
}
