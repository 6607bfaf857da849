#pragma once
// The instructions that sm_90a has beyond those of sm_80: barriers in memory, the copy engine, asynchronous products of four warps, registers
// handed from one group of warps to another. Names, preconditions and results as in leaf_simulated.hpp. Source: PTX ISA, the section named.
//
// Products and register hand-over exist on sm_90a alone, not on its successors: elsewhere they trap.

#if defined(__CUDACC__)

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

struct leaf : sm80::leaf {
  /// A register that asynchronous products may hold in use.
  template <class T>
  using held = T;

  /// The block's dynamic shared memory, aligned to 1024 bytes: the period of the permutation that operands lie in.
  __device__ TENON_INLINE static address shared() {
    extern __shared__ __align__(1024) unsigned char tenon_shared_1024[];
    return static_cast<address>(__cvta_generic_to_shared(tenon_shared_1024));
  }

  // ---- barriers in shared memory, 8 bytes each, with phases: a phase ends when `count` arrivals and all announced bytes are there.
  // 9.7.13.15, mbarrier

  __device__ TENON_INLINE static void init_arrivals(address at, int count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
  }
  /// Shows what this thread has initialised to the copy engine; other threads see it after a barrier of the block.
  __device__ TENON_INLINE static void publish_arrivals() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
  /// What this thread did before is seen by those who wait for the phase.
  __device__ TENON_INLINE static void arrive(address at) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
  }
  /// The same, and announces `bytes` that copies will bring in this phase.
  __device__ TENON_INLINE static void arrive_expecting(address at, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
  }
  /// Until the phase of that parity has ended: 0 is the first one; of a fresh barrier, the phase before it, 1, has.
  __device__ TENON_INLINE static void await_arrivals(address at, int parity) {
    int done;
    do {
      asm volatile(
          "{\n"
          ".reg .pred done;\n"
          "mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
          "selp.b32 %0, 1, 0, done;\n"
          "}"
          : "=r"(done)
          : "r"(at), "r"(parity)
          : "memory");
    } while (done == 0);
  }

  // ---- the copy engine: a box of a tensor to shared memory, aligned to 1024 bytes; its bytes count at the barrier. Issued by one thread.
  // 9.7.9.27, cp.async.bulk.tensor

  __device__ TENON_INLINE static void copy_box(address to, const tensor_map& from, address barrier, int x, int y) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(to), "l"(&from), "r"(barrier), "r"(x), "r"(y)
                 : "memory");
  }
  __device__ TENON_INLINE static void copy_box(address to, const tensor_map& from, address barrier, int x, int y, int z, int w) {
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to), "l"(&from), "r"(barrier), "r"(x),
                 "r"(y), "r"(z), "r"(w)
                 : "memory");
  }
  /// So many bytes that lie in a row, a multiple of 16 and not 0, both ends aligned to 16; they count at the barrier too. 9.7.9.25.4, cp.async.bulk
  __device__ TENON_INLINE static void copy_bytes(address to, const void* from, int bytes, address barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from), "r"(bytes), "r"(barrier) : "memory");
  }
  /// Shows what threads wrote to shared memory to copies and products: by the writer, before it tells the others. 9.7.13.4, fence.proxy.async
  __device__ TENON_INLINE static void fence_shared() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

  // ---- registers: of all warps of a group of 128 threads, whose kernel was compiled for a known number. 9.7.19.5, setmaxnreg

  template <int Count>
  __device__ TENON_INLINE static void give_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
#else
    asm volatile("trap;");
#endif
  }
  template <int Count>
  __device__ TENON_INLINE static void take_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
#else
    asm volatile("trap;");
#endif
  }

  // ---- products of a group of 128 threads. d [64, N] of float, one row of 16 per warp (fragments.hpp); operands of bf16, of one kind of e4m3 too, in shared memory
  // through descriptors (operand.hpp) or a in registers. From `multiply` until the wait for its group, d, a and the shared operands are in
  // use. 9.7.15, wgmma

  /// Between any other use of d or a and the next product with it: by all threads of the group.
  template <class... Used>
  __device__ TENON_INLINE static void begin_products(Used&... used) {
    (pin(used), ...);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#else
    asm volatile("trap;");
#endif
  }
  __device__ TENON_INLINE static void commit_products() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
  }
  /// Until all groups of products but the latest `Pending` are done; `done`: what they held.
  template <int Pending, class... Done>
  __device__ TENON_INLINE static void await_products(Done&... done) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
#endif
    (pin(done), ...);
  }

#define TENON_SUMS_4(n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define TENON_SUMS_16(n) TENON_SUMS_4(n), TENON_SUMS_4(n + 1), TENON_SUMS_4(n + 2), TENON_SUMS_4(n + 3)
#define TENON_SUMS_32(n) TENON_SUMS_16(n), TENON_SUMS_16(n + 4)
#define TENON_NAMES_16 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15"
#define TENON_NAMES_32 TENON_NAMES_16 ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define TENON_NAMES_64 TENON_NAMES_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define TENON_NAMES_128                                                                                                                     \
  TENON_NAMES_64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95," \
                 "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
// Predicate operand `more`: false where d begins.
#define TENON_WGMMA(shape, names, left, right, more, tail) \
  "{\n.reg .pred more;\nsetp.ne.b32 more, " more ", 0;\nwgmma.mma_async.sync.aligned.m64" shape " {" names "}, " left ", " right ", more, 1, 1" tail ";\n}"

  /// d = a b^T, or d + a b^T where `more`, over a depth of 32 bytes: both operands along their rows in shared memory. Number: bf16 or e4m3.
  template <class Number = bf16, int Tiles>
  __device__ TENON_INLINE static void multiply(float (&d)[Tiles][4], std::uint64_t a, std::uint64_t b, bool more) {
    static_assert(Tiles == 8 || Tiles == 16 || ((Tiles == 4 || Tiles == 32) && std::is_same_v<Number, bf16>));
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    const int added = more ? 1 : 0;
    if constexpr (std::is_same_v<Number, e4m3> && Tiles == 8)
      asm volatile(TENON_WGMMA("n64k32.f32.e4m3.e4m3", TENON_NAMES_32, "%32", "%33", "%34", "") : TENON_SUMS_32(0) : "l"(a), "l"(b), "r"(added));
    else if constexpr (std::is_same_v<Number, e4m3>)
      asm volatile(TENON_WGMMA("n128k32.f32.e4m3.e4m3", TENON_NAMES_64, "%64", "%65", "%66", "") : TENON_SUMS_32(0), TENON_SUMS_32(8) : "l"(a), "l"(b), "r"(added));
    else if constexpr (Tiles == 4)
      asm volatile(TENON_WGMMA("n32k16.f32.bf16.bf16", TENON_NAMES_16, "%16", "%17", "%18", ", 0, 0") : TENON_SUMS_16(0) : "l"(a), "l"(b), "r"(added));
    else if constexpr (Tiles == 8)
      asm volatile(TENON_WGMMA("n64k16.f32.bf16.bf16", TENON_NAMES_32, "%32", "%33", "%34", ", 0, 0") : TENON_SUMS_32(0) : "l"(a), "l"(b), "r"(added));
    else if constexpr (Tiles == 16)
      asm volatile(TENON_WGMMA("n128k16.f32.bf16.bf16", TENON_NAMES_64, "%64", "%65", "%66", ", 0, 0") : TENON_SUMS_32(0), TENON_SUMS_32(8) : "l"(a), "l"(b), "r"(added));
    else
      asm volatile(TENON_WGMMA("n256k16.f32.bf16.bf16", TENON_NAMES_128, "%128", "%129", "%130", ", 0, 0")
                   : TENON_SUMS_32(0), TENON_SUMS_32(8), TENON_SUMS_32(16), TENON_SUMS_32(24)
                   : "l"(a), "l"(b), "r"(added));
#endif
  }
  /// d += a b over a depth of 16: a of this warp's rows in registers (sm80::mma_a), b [16, N] along its rows in shared memory.
  template <int Tiles>
  __device__ TENON_INLINE static void multiply_rows(float (&d)[Tiles][4], const std::uint32_t (&a)[4], std::uint64_t b) {
    static_assert(Tiles == 8 || Tiles == 16);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    if constexpr (Tiles == 8)
      asm volatile(TENON_WGMMA("n64k16.f32.bf16.bf16", TENON_NAMES_32, "{%32, %33, %34, %35}", "%36", "1", ", 1") : TENON_SUMS_32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    else
      asm volatile(TENON_WGMMA("n128k16.f32.bf16.bf16", TENON_NAMES_64, "{%64, %65, %66, %67}", "%68", "1", ", 1")
                   : TENON_SUMS_32(0), TENON_SUMS_32(8)
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
#endif
  }
  /// d += a b^T over a depth of 16: a of this warp's rows in registers, b [N, 16] along its rows in shared memory.
  template <int Tiles>
  __device__ TENON_INLINE static void multiply_registers(float (&d)[Tiles][4], const std::uint32_t (&a)[4], std::uint64_t b) {
    static_assert(Tiles == 16);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile(TENON_WGMMA("n128k16.f32.bf16.bf16", TENON_NAMES_64, "{%64, %65, %66, %67}", "%68", "1", ", 0")
                 : TENON_SUMS_32(0), TENON_SUMS_32(8)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
#endif
  }
#undef TENON_WGMMA
#undef TENON_NAMES_128
#undef TENON_NAMES_64
#undef TENON_NAMES_32
#undef TENON_NAMES_16
#undef TENON_SUMS_32
#undef TENON_SUMS_16
#undef TENON_SUMS_4

 private:
  // The compiler may not move a use of these across here.
  __device__ TENON_INLINE static void pin(float& x) { asm volatile("" : "+f"(x)::"memory"); }
  __device__ TENON_INLINE static void pin(std::uint32_t& x) { asm volatile("" : "+r"(x)::"memory"); }
  template <class T, int Count>
  __device__ TENON_INLINE static void pin(T (&all)[Count]) {
    TENON_UNROLL for (int i = 0; i < Count; ++i) pin(all[i]);
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END

#endif
