#pragma once
// Where the rows of a kv head's keys or values lie in memory of a GPU. Words ask for them block by block; `row` is that of key `key` + `row`, from its
// number `column` on, `key` being the first of a block.

#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// Numbers before a row: those of other pages, and those before it in its own.
struct row_place {
  index_t page, row;
};

/// One behind the other.
struct dense_keys {
  template <class Leaf, class Number, int Dim>
  struct of {
    const Number *keys, *values;
    index_t head;  ///< numbers before the kv head's
    int length;    ///< keys that are there

    TENON_BOTH TENON_INLINE row_place place(int key, int row) const { return {0, head + index_t{key + row} * Dim}; }
    TENON_BOTH TENON_INLINE const Number* row(const Number* first, int key, int row, int column) const { return first + (place(key, row).row + column); }
  };
};

/// Pages of a pool: key k lies in page table[k / page_keys].
struct page_table {
  static constexpr int granule = 128;  ///< keys: a page holds a multiple of it, and a block of keys is a part of it
  const std::int32_t* table = nullptr;
  int page_keys = 0;
  index_t page_stride = 0;  ///< numbers from a page of the pool to the next

  /// Numbers before the page of a key, and which of its keys that is.
  template <class Leaf>
  TENON_BOTH TENON_INLINE index_t page_of(int key, int& within) const {
    const int page = key / page_keys;
    within = key - page * page_keys;
    return Leaf::load(table + page) * page_stride;
  }
};
struct paged_keys {
  template <class Leaf, class Number, int Dim>
  struct of {
    const Number *keys, *values;
    index_t head;
    int length;
    page_table pages;

    TENON_BOTH TENON_INLINE row_place place(int key, int row) const {
      int within = 0;
      const index_t page = pages.page_of<Leaf>(key, within);
      return {page, head + index_t{within + row} * Dim};
    }
    TENON_BOTH TENON_INLINE const Number* row(const Number* first, int key, int row, int column) const {
      const row_place at = place(key, row);
      return first + (at.page + at.row + column);
    }
  };
};

TENON_KERNELS_END
