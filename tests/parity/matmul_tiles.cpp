// The words of matrix registers (AMX) over registers that are played by arrays: their text runs on every machine.
#include <cstring>

#include "matmul_cases.hpp"

namespace {

// Eight registers of 16 rows of 64 bytes, as tile instructions see them.
struct played_tiles {
  static constexpr bool present = true;
  static bool lent() { return true; }
  struct extent {
    std::uint8_t rows;
    std::uint16_t row_bytes;
  };
  struct state {
    extent shape[8];
    std::byte bytes[8][16][64];
  };
  static state& now() {
    static thread_local state all;
    return all;
  }
  static void configure(const extent (&tiles)[7]) {
    for (int i = 0; i < 7; ++i) now().shape[i] = tiles[i];
  }
  static void release() { std::memset(&now(), 0xff, sizeof(state)); }

  template <int Tile>
  static void zero() {
    std::memset(now().bytes[Tile], 0, sizeof now().bytes[Tile]);
  }
  template <int Tile>
  static void load(const void* from, std::ptrdiff_t stride) {
    for (int r = 0; r < now().shape[Tile].rows; ++r) std::memcpy(now().bytes[Tile][r], static_cast<const std::byte*>(from) + r * stride, now().shape[Tile].row_bytes);
  }
  template <int Tile>
  static void store(void* to, std::ptrdiff_t stride) {
    for (int r = 0; r < now().shape[Tile].rows; ++r) std::memcpy(static_cast<std::byte*>(to) + r * stride, now().bytes[Tile][r], now().shape[Tile].row_bytes);
  }
  // sums[m][n] += x[m][k] w[k / pack][n][k % pack], `pack` numbers to four bytes.
  template <int Sums, int X, int Weights, class Sum, class Number, class Multiply>
  static void dot(Multiply multiply) {
    constexpr int size = static_cast<int>(sizeof(Number)), pack = 4 / size;
    state& s = now();
    CHECK(s.shape[X].row_bytes == 4 * s.shape[Weights].rows);
    for (int m = 0; m < s.shape[X].rows; ++m)
      for (int n = 0; n < s.shape[Weights].row_bytes / 4; ++n) {
        Sum sum;
        std::memcpy(&sum, s.bytes[Sums][m] + 4 * n, 4);
        for (int k = 0; k < pack * s.shape[Weights].rows; ++k) {
          Number x, w;
          std::memcpy(&x, s.bytes[X][m] + k * size, sizeof x);
          std::memcpy(&w, s.bytes[Weights][k / pack] + 4 * n + k % pack * size, sizeof w);
          sum = multiply(sum, x, w);
        }
        std::memcpy(s.bytes[Sums][m] + 4 * n, &sum, 4);
      }
  }
  template <int Sums, int X, int Weights>
  static void dot_bytes() {
    dot<Sums, X, Weights, std::int32_t, std::int8_t>([](std::int32_t sum, std::int8_t x, std::int8_t w) { return sum + x * w; });
  }
  template <int Sums, int X, int Weights>
  static void dot_bf16() {
    dot<Sums, X, Weights, float, tenon::bf16>([](float sum, tenon::bf16 x, tenon::bf16 w) { return sum + static_cast<float>(x) * static_cast<float>(w); });
  }
};

struct tiled_leaf : tenon::atoms::scalar_leaf {
  using tiles = played_tiles;
  static bytes less(bytes a, int b) {
    std::uint8_t all[sizeof(bytes)];
    std::memcpy(all, &a, sizeof all);
    for (std::uint8_t& x : all) x = static_cast<std::uint8_t>(x - b);
    std::memcpy(&a, all, sizeof all);
    return a;
  }
  static ints load_ints(const std::int32_t* from) {
    ints x;
    std::memcpy(&x, from, sizeof x);
    return x;
  }
};
struct tiled_atoms : tenon::atoms::cpu_scalar {
  using product = tenon::product_words<tiled_leaf, tenon::product_shape{.float_rows = 4, .float_panels = 2, .byte_rows = 4, .byte_panels = 2}>;
};
using tiled = tenon::basic_cpu<tiled_atoms>;

}  // namespace

MATMUL_CASES(tiled)
