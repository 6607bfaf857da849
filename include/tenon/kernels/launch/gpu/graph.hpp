#pragma once
// Launches recorded once and replayed with one call, for decoding, where starting kernels one by one would cost more than running them:
//
//   auto step = tenon::record(gpu, [&](const auto& gpu) { ... launches, over memory that stays ... });
//   step.replay();    // again, over whatever that memory holds by now
//   step.refresh();   // where arguments themselves changed: calls the function again and updates the recording
//
// On a processor or a simulated GPU, replay calls the function.

#include <type_traits>
#include <utility>

#include <tenon/kernels/launch/gpu/device.hpp>

TENON_KERNELS_BEGIN

template <class Machine>
concept gpu_recorder = requires(const Machine& machine) {
  typename Machine::runtime::graph;
  machine.stream();
};

/// What `F` does with a machine. Of anything but a GPU.
template <class Machine, class F>
class recording {
 public:
  recording(const Machine& machine, F f) : machine_(machine), f_(std::move(f)) {}
  void replay() { f_(machine_); }
  void refresh() {}

 private:
  Machine machine_;
  F f_;
};

/// The same of a GPU: what F launches, as a graph. F is called once here, with a machine that records and does not run: it may launch, copy
/// and fill, and must neither allocate nor wait.
template <gpu_recorder Machine, class F>
class recording<Machine, F> {
  using runtime = typename Machine::runtime;
  static constexpr const char* fix = "record only launches, copies and fills: nothing that allocates or waits";

 public:
  /// Throws what F throws, and tenon::error where it did something that cannot be recorded.
  recording(const Machine& machine, F f) : machine_(machine), f_(std::move(f)), stream_(machine.index()) { instantiate(record()); }

  /// Runs it in the machine's order of work; returns before it has ended.
  void replay() {
    use();
    check<runtime>(runtime::launch(ready_.get(), machine_.stream()), machine_.index(), "see what ran on this device before");
  }
  /// Calls F again and takes over its arguments; where it launches other kernels than before, the recording is made anew.
  void refresh() {
    owner<typename runtime::graph> graph = record();
    bool taken = false;
    check<runtime>(runtime::update(ready_.get(), graph.get(), &taken), machine_.index(), fix);
    if (!taken) instantiate(std::move(graph));
  }

 private:
  template <class Handle>
  using owner = gpu_handle<runtime, Handle>;

  void use() const { check<runtime>(runtime::use(machine_.index()), machine_.index(), "pass the number of a device of this machine"); }
  owner<typename runtime::graph> record() {
    use();
    check<runtime>(runtime::begin_recording(stream_.handle()), machine_.index(), fix);
    owner<typename runtime::graph> graph;
    Machine recorder = machine_;
    static_cast<gpu_device<runtime>&>(recorder) = machine_.on(stream_);
    try {
      f_(static_cast<const Machine&>(recorder));
    } catch (...) {
      // Recording ends before anything else is said.
      if (runtime::end_recording(stream_.handle(), graph.place()).code != 0) runtime::forget_error();
      throw;
    }
    check<runtime>(runtime::end_recording(stream_.handle(), graph.place()), machine_.index(), fix);
    return graph;
  }
  void instantiate(owner<typename runtime::graph> graph) {
    owner<typename runtime::ready_graph> ready;
    check<runtime>(runtime::instantiate(ready.place(), graph.get()), machine_.index(), "record fewer launches at once");
    ready_ = std::move(ready);
  }

  Machine machine_;
  F f_;
  gpu_stream<runtime> stream_;
  owner<typename runtime::ready_graph> ready_;
};

/// Records what f(machine) launches.
template <class Machine, class F>
recording<Machine, std::decay_t<F>> record(const Machine& machine, F&& f) {
  return {machine, std::forward<F>(f)};
}

TENON_KERNELS_END
