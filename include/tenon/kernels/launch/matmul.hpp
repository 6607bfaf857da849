#pragma once
// Products with packed weights: pack once at load, then multiply any number of tokens, on any machine.
// A row of the result has the same bits alone, in any batch, and with any number of threads.

#include <cstddef>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/shared/pack_panel.hpp>
#include <tenon/kernels/skeletons/gated_matmul.hpp>
#include <tenon/kernels/skeletons/matmul.hpp>

TENON_KERNELS_BEGIN

/// What a product does with its output.
enum class finish {
  store,  ///< out = x w^T + bias
  add,    ///< out += x w^T + bias
};

/// One of several products of the same x.
struct product {
  packed_matrix weights;        ///< [row, depth]
  view<float, 2> out;           ///< [token, row], rows contiguous; must not overlap x
  const float* bias = nullptr;  ///< [row], or null
  finish how = finish::store;
};

namespace kernel_detail {

constexpr index_t panel_count(index_t rows) { return (rows + panel::columns - 1) / panel::columns; }
// x is padded to whole slabs of any format.
constexpr index_t padded_depth(index_t depth) { return static_cast<index_t>(round_up(static_cast<std::size_t>(depth), 64)); }

// Tokens are taken in blocks of about Words::block_bytes of arranged rows.
constexpr index_t most_tokens = 512;
template <class Words, class Form>
constexpr index_t block_tokens(index_t depth) {
  const auto fit = static_cast<index_t>(Words::block_bytes / Form::bytes(16, padded_depth(depth))) * 16;
  return fit < 16 ? 16 : fit > most_tokens ? most_tokens : fit;
}
// One worker's sums (twice, for a gate) and unpacked weights.
template <class Words>
constexpr std::size_t worker_sums(index_t tokens) {
  constexpr int widest = Words::template panels < activation::plain >> Words::template panels<activation::quantised<1>>
                             ? Words::template panels<activation::plain>
                             : Words::template panels<activation::quantised<1>>;
  const index_t most = tokens < most_tokens ? tokens : most_tokens;
  return round_up(static_cast<std::size_t>(most), 16) * 16 * sizeof(float) * widest;
}
template <class Words>
constexpr std::size_t worker_bytes(index_t tokens) {
  return 2 * worker_sums<Words>(tokens) + round_up(Words::unpacked_bytes, 64);
}
template <class Words>
constexpr std::size_t arranged_bytes(index_t tokens, index_t depth) {
  const std::size_t row = static_cast<std::size_t>(padded_depth(depth)) * 4, all = round_up(static_cast<std::size_t>(tokens), 16) * row;
  const std::size_t most = Words::block_bytes > 16 * row ? Words::block_bytes : 16 * row;
  return round_up(all < most ? all : most, 64);
}

// Fills the scratch with rows [first, first + count) of x in the form that products want.
template <class Machine, class Form>
arranged arrange(const Machine& machine, Form, const view<const float, 2>& x, index_t first, index_t count, std::byte* scratch) {
  using Words = typename Machine::atoms::product;
  const index_t depth = padded_depth(x.extent[1]);
  if (count == 1) {
    Form::template arrange<typename Words::leaf, 1>(x, first, 1, depth, scratch);
  } else {
    const int tiles = static_cast<int>((count + Words::tile - 1) / Words::tile);
    const int parts = tiles < machine.threads() ? tiles : machine.threads();
    machine.parallel(parts, [&](int part) {
      for (int t = part; t < tiles; t += parts) {
        const index_t at = static_cast<index_t>(t) * Words::tile, live = count - at < Words::tile ? count - at : Words::tile;
        Form::template arrange<typename Words::leaf, Words::tile>(x, first + at, static_cast<int>(live), depth,
                                                                  scratch + static_cast<std::size_t>(t) * Form::bytes(Words::tile, depth));
      }
    });
  }
  return {scratch, count, depth};
}

// Splits panels [0, all) among the threads in whole groups and calls f(first, last, sums, more sums, unpacked) for each share.
template <class Words, class Form, class Machine, class F>
void share(const Machine& machine, index_t all, index_t work, index_t tokens, std::byte* scratch, F&& f) {
  constexpr index_t grain = Words::template panels<Form>;
  const index_t groups = (all + grain - 1) / grain;
  index_t parts = machine.threads();
  if (parts > groups) parts = groups;
  if (work < (index_t{1} << 15)) parts = 1;  // a region costs more than it saves
  machine.parallel(static_cast<int>(parts), [&](int part) {
    std::byte* mine = scratch + static_cast<std::size_t>(part) * worker_bytes<Words>(tokens);
    const index_t first = groups * part / parts * grain, end = groups * (part + 1) / parts * grain;
    f(first, end < all ? end : all, reinterpret_cast<float*>(mine), reinterpret_cast<float*>(mine + worker_sums<Words>(tokens)),
      mine + 2 * worker_sums<Words>(tokens));
  });
}

template <form_set Forms>
void check(form which) {
  if (which == form::e4m3) throw error("[compute] is e4m3, for which processors have no instruction. Fix: compute::bf16, or a GPU that multiplies e4m3.");
  if ((Forms & set_of(which)) == 0)
    throw error("[matmul] was compiled without the arithmetic that its weights were packed for. Fix: name its form in Forms.");
}
inline void check(const stored_matrix& matrix) {
  if (matrix.columns % block_values(matrix.kind) != 0)
    throw error("a matrix stored as ", name(matrix.kind), " has ", matrix.columns, " columns. Fix: whole blocks of ",
                block_values(matrix.kind), " values.");
  if (matrix.scales != nullptr) {
    if (matrix.kind != storage::e4m3 && matrix.kind != storage::i8)
      throw error("scales beside a matrix stored as ", name(matrix.kind), ". Fix: scales belong to F8_E4M3 and I8 matrices.");
    if (matrix.scale_rows < 1 || matrix.scale_columns < 1 || (matrix.scale_columns < matrix.columns && matrix.scale_columns % 32 != 0))
      throw error("scales for every ", matrix.scale_columns,
                  " columns of a matrix. Fix: a multiple of 32, or one scale for the whole row.");
  }
}
inline void check(const view<const float, 2>& x, const packed_matrix& w, const view<float, 2>& out) {
  if (x.extent[1] != w.depth)
    throw error("[matmul] x has ", x.extent[1], " columns but the weights have depth ", w.depth, ". Fix: pass x of [token, depth].");
  if (out.extent[0] != x.extent[0] || out.extent[1] != w.rows)
    throw error("[matmul] out is [", out.extent[0], ", ", out.extent[1], "] but the product is [", x.extent[0], ", ", w.rows,
                "]. Fix: pass out of [token, row].");
  if ((x.extent[1] > 1 && x.stride[1] != 1) || (out.extent[1] > 1 && out.stride[1] != 1))
    throw error("[matmul] rows of x and out must be contiguous. Fix: pass views whose last stride is 1.");
}

}  // namespace kernel_detail

/// The bytes that `pack` writes for a matrix [rows, depth], a multiple of 64.
template <class Machine>
std::size_t packed_bytes(const Machine&, storage kind, compute how, index_t rows, index_t depth) {
  return static_cast<std::size_t>(kernel_detail::panel_count(rows)) * panel_bytes(kind, how, depth);
}

/// What `pack` calls now and then, when what it has read so far is done with: so a file and its packed form need never both be in memory.
struct read_until_here {
  const void* object = nullptr;
  void (*call)(const void* object) = nullptr;
  void operator()() const {
    if (call != nullptr) call(object);
  }
};

/// Packs a stored matrix, row order resolved, for products computed as `how`, into `where` (packed_bytes of it, aligned to 64; what
/// it held does not matter). Calls `done` after each 4 MiB or so. Throws tenon::error for scales that do not fit the storage, and for arithmetic that the machine has not.
template <class Machine>
packed_matrix pack(const Machine& machine, const stored_matrix& matrix, compute how, std::byte* where, const read_until_here& done = {}) {
  kernel_detail::check<every_form>(form_of(matrix.kind, how));
  kernel_detail::check(matrix);
  const index_t panels = kernel_detail::panel_count(matrix.rows);
  with_panel(matrix.kind, how, [&](auto format) {
    using Format = decltype(format);
    const std::size_t pitch = panel_bytes(matrix.kind, how, matrix.columns);
    if (pitch == 0) return;  // no columns
    const index_t most = 1 + static_cast<index_t>((std::size_t{4} << 20) / pitch);
    for (index_t first = 0; first < panels; first += most) {
      const index_t count = panels - first < most ? panels - first : most;
      constexpr int parts = 64;
      machine.parallel(parts, [&](int part) {
        for (index_t p = first + count * part / parts; p < first + count * (part + 1) / parts; ++p) {
          std::byte* slab = where + static_cast<std::size_t>(p) * pitch;
          __builtin_memset(slab, 0, pitch);
          for (index_t k = 0; k < matrix.columns; k += Format::depth, slab += Format::bytes)
            panel::pack(format, matrix, p * panel::columns, k, slab);
        }
      });
      done();
    }
  });
  return {matrix.kind, how, matrix.rows, matrix.columns, where};
}

/// The bytes of scratch (aligned to 64) that products of up to `tokens` tokens and `depth` values need. Grows with both.
template <class Machine>
std::size_t matmul_scratch(const Machine& machine, index_t tokens, index_t depth) {
  using Words = typename Machine::atoms::product;
  return kernel_detail::arranged_bytes<Words>(tokens, depth) +
         static_cast<std::size_t>(machine.threads()) * kernel_detail::worker_bytes<Words>(tokens);
}

/// Several products of one x [token, depth], which share its arrangement and one parallel region. Zero tokens are fine.
/// `Forms` (forms_of a precision) are all that the products may take: fewer compile faster. Throws tenon::error where shapes do not
/// match or a product takes another form; out must not overlap x.
template <form_set Forms = every_form, class Machine, int Count>
void matmul(const Machine& machine, view<const float, 2> x, const product (&products)[Count], std::byte* scratch) {
  using Words = typename Machine::atoms::product;
  for (const product& p : products) {
    kernel_detail::check<Forms>(form_of(p.weights.kind, p.weights.how));
    kernel_detail::check(x, p.weights, p.out);
  }
  const index_t tokens = x.extent[0], depth = x.extent[1];
  std::byte* workers = scratch + kernel_detail::arranged_bytes<Words>(tokens, depth);
  for (const form which : {form::plain, form::rounded, form::int8, form::int8x2}) {
    index_t panels = 0;
    for (const product& p : products)
      if (form_of(p.weights.kind, p.weights.how) == which) panels += kernel_detail::panel_count(p.weights.rows);
    if (panels == 0) continue;
    with_form<Forms>(which, [&](auto form_type) {
      using Form = decltype(form_type);
      const index_t step = kernel_detail::block_tokens<Words, Form>(depth);
      for (index_t first = 0; first < tokens; first += step) {
        const index_t count = tokens - first < step ? tokens - first : step;
        const arranged rows = kernel_detail::arrange(machine, form_type, x, first, count, scratch);
        kernel_detail::share<Words, Form>(
            machine, panels, panels * depth * count, tokens, workers, [&](index_t from, index_t to, float* sums, float*, std::byte* unpacked) {
              for (const product& p : products) {
                if (form_of(p.weights.kind, p.weights.how) != which) continue;
                const index_t mine = kernel_detail::panel_count(p.weights.rows);
                if (from < mine && to > 0)
                  matmul_panels<Words, Form>(p.weights, rows, p.bias, p.how == finish::add, p.out.rows(first, count), from > 0 ? from : 0,
                                             to < mine ? to : mine, sums, unpacked);
                from -= mine, to -= mine;
              }
            });
      }
    });
  }
}

/// out = open(x gate^T, x up^T) [token, row], in one parallel region and without writing either product.
/// Gate: a policy with `float open(float gate, float up)`; Forms as in matmul. Throws tenon::error where shapes do not match.
template <form_set Forms = every_form, class Machine, class Gate>
void gated_matmul(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit,
                  view<float, 2> out, std::byte* scratch) {
  using Words = typename Machine::atoms::product;
  kernel_detail::check(x, gate, out);
  kernel_detail::check(x, up, out);
  const form a = form_of(gate.kind, gate.how), b = form_of(up.kind, up.how);
  const form which = a == b ? a : form::plain;  // any panels can be multiplied in fp32
  kernel_detail::check<Forms>(which);
  const index_t tokens = x.extent[0], depth = x.extent[1], panels = kernel_detail::panel_count(gate.rows);
  std::byte* workers = scratch + kernel_detail::arranged_bytes<Words>(tokens, depth);
  with_form<Forms>(which, [&](auto form_type) {
    using Form = decltype(form_type);
    const index_t step = kernel_detail::block_tokens<Words, Form>(depth);
    for (index_t first = 0; first < tokens; first += step) {
      const index_t count = tokens - first < step ? tokens - first : step;
      const arranged rows = kernel_detail::arrange(machine, form_type, x, first, count, scratch);
      kernel_detail::share<Words, Form>(machine, panels, 2 * panels * depth * count, tokens, workers,
                                        [&](index_t from, index_t to, float* sums, float* more, std::byte* unpacked) {
                                          gated_matmul_panels<Words, Form>(gate, up, rows, unit, out.rows(first, count), from, to, sums,
                                                                           more, unpacked);
                                        });
    }
  });
}

/// down of open(x gate^T, x up^T) [token, row], which nothing else reads and which may or may not lie in `between` afterwards. The scratch is that of matmul_scratch for
/// the wider of depth and rows. Forms, faults as of both.
template <form_set Forms = every_form, class Machine, class Gate>
void gated_mlp_products(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> between,
                        const product& down, std::byte* scratch) {
  gated_matmul<Forms>(machine, x, gate, up, unit, between, scratch);
  const product one[] = {down};
  matmul<Forms>(machine, between, one, scratch);
}

TENON_KERNELS_END
