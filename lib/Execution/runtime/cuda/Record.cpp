//===- Record.cpp - one NVIDIA GPU: whole calls as graphs ------------------===//
// Law: a recording is replayed only for the very arrays and numbers it was made with.
//
// The first call with some arrays runs, and brings kernels and constants to the GPU; the second is recorded; from then on one launch of the
// recording does all. Who hands in new arrays at every call pays no recording.

#include "Profile.h"
#include "Program.h"
#include <algorithm>
#include <utility>

namespace mlir::lowbit::cuda {

extern thread_local unsigned launchCount;

/// Fewer launches cost less than a graph of them.
static constexpr unsigned minLaunches = 3;
/// Calls that an entry remembers.
static constexpr size_t maxCalls = 8;

namespace {
/// Between begin and end, of this thread.
struct OpenCall {
  Recorder *recorder = nullptr;
  void *stream = nullptr; ///< The caller's.
  unsigned firstLaunch = 0;
};
} // namespace

static thread_local OpenCall openCall;

Recorder *GPU::getRecorder(DeviceEntry &entry) {
  if (auto *found = find<Recorder>(entry.cache, this))
    return found;
  std::lock_guard<std::mutex> lock(getProgramMutex());
  if (auto *found = find<Recorder>(entry.cache, this))
    return found;
  auto recorder = std::make_unique<Recorder>();
  recorder->gpu = this;
  publish(*recorder, entry.cache);
  Program &program = getProgram(*entry.program, this);
  program.recorders.push_back(std::move(recorder));
  return program.recorders.back().get();
}

static Recorder::Call *findCall(Recorder &recorder, const uint64_t *words, unsigned count) {
  for (auto &call : recorder.calls)
    if (call->words.size() == count && std::equal(words, words + count, call->words.begin())) {
      call->lastUse = ++recorder.clock;
      return call.get();
    }
  return nullptr;
}

static void rememberCall(const Driver &driver, Recorder &recorder, const uint64_t *words, unsigned count) {
  if (recorder.calls.size() == maxCalls) {
    auto oldest = std::min_element(recorder.calls.begin(), recorder.calls.end(),
                                   [](const auto &left, const auto &right) { return left->lastUse < right->lastUse; });
    if ((*oldest)->executable)
      driver.cuGraphExecDestroy((*oldest)->executable); // what runs of it is finished first
    recorder.calls.erase(oldest);
  }
  auto call = std::make_unique<Recorder::Call>();
  call->words.assign(words, words + count);
  call->lastUse = ++recorder.clock;
  recorder.calls.push_back(std::move(call));
}

/// Whether the caller records on this stream itself: then our launches become part of that.
static bool isRecordedByCaller(const Driver &driver, Handle stream) {
  int status = 0;
  return stream && driver.cuStreamIsCapturing(stream, &status) == Success && status != 0;
}

/// Launches of this thread go to a graph from now on.
static bool startRecording(const Driver &driver, Recorder &recorder, Recorder::Call &call) {
  if (!recorder.stream && driver.cuStreamCreate(&recorder.stream, /*CU_STREAM_NON_BLOCKING=*/1) != Success)
    return false;
  if (driver.cuStreamBeginCapture(recorder.stream, /*CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=*/1) != Success)
    return false;
  CallScope::getCurrent()->setStream(recorder.stream);
  recorder.recording = &call;
  return true;
}

CallState GPU::begin(DeviceEntry &entry, const uint64_t *words, unsigned count) {
  CallScope &scope = *CallScope::getCurrent();
  if (!activate())
    return CallState::Failed;
  Recorder &recorder = *getRecorder(entry);
  openCall = {&recorder, scope.getStream(), launchCount};
  setProfiled(isProfiling() && !isRecordedByCaller(driver, openCall.stream)); // what is recorded has no times
  std::unique_lock<std::mutex> lock(recorder.mutex);
  Recorder::Call *call = findCall(recorder, words, count);
  if (!call) {
    if (!checkArrays(entry, words, count))
      return CallState::Failed;
    rememberCall(driver, recorder, words, count);
    return CallState::Run;
  }
  if ((call->isFinal && !call->executable) || isProfiling() || isRecordedByCaller(driver, openCall.stream))
    return CallState::Run;
  if (call->executable)
    return check(driver.cuGraphLaunch(call->executable, openCall.stream), [&] { return "replay of `" + std::string(entry.name) + "`"; })
               ? CallState::Replayed
               : CallState::Failed;
  call->isFinal = true;
  if (recorder.launches >= minLaunches && startRecording(driver, recorder, *call))
    lock.release(); // until the end of the call
  return CallState::Run;
}

/// Ends the recording and runs it once.
static void finishRecording(const GPU &gpu, Recorder &recorder, CallScope &scope, const char *name) {
  const Driver &driver = gpu.getDriver();
  Recorder::Call &call = *std::exchange(recorder.recording, nullptr);
  Handle graph = nullptr;
  int status = driver.cuStreamEndCapture(recorder.stream, &graph);
  scope.setStream(openCall.stream);
  if (status == Success && !scope.hasFailed())
    status = driver.cuGraphInstantiateWithFlags(&call.executable, graph, /*flags=*/0);
  if (graph)
    driver.cuGraphDestroy(graph);
  if (!scope.hasFailed() && gpu.check(status, [&] { return "recording of `" + std::string(name) + "`"; }))
    gpu.check(driver.cuGraphLaunch(call.executable, openCall.stream), [&] { return "replay of `" + std::string(name) + "`"; });
}

void GPU::end(DeviceEntry &entry) {
  CallScope &scope = *CallScope::getCurrent();
  Recorder &recorder = *openCall.recorder;
  // Only the thread that records holds the lock.
  bool isRecording = scope.getStream() != openCall.stream;
  std::unique_lock<std::mutex> lock(recorder.mutex, std::defer_lock);
  if (isRecording)
    lock = std::unique_lock<std::mutex>(recorder.mutex, std::adopt_lock);
  else
    lock.lock();
  if (isRecording)
    finishRecording(*this, recorder, scope, entry.name);
  else
    recorder.launches = launchCount - openCall.firstLaunch;
  writeProfile(driver, entry.name);
  setProfiled(false);
  openCall = {};
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

std::mutex &getProgramMutex() {
  static std::mutex mutex;
  return mutex;
}

Program &getProgram(DeviceProgram &program, GPU *gpu) {
  if (auto *found = find<Program>(program.cache, gpu))
    return *found;
  auto *made = new Program();
  made->gpu = gpu;
  publish(*made, program.cache);
  return *made;
}

static void destroy(Program &program) {
  if (!program.gpu->activate())
    return;
  const Driver &driver = program.gpu->getDriver();
  for (auto &recorder : program.recorders) {
    for (auto &call : recorder->calls)
      if (call->executable)
        driver.cuGraphExecDestroy(call->executable);
    if (recorder->stream)
      driver.cuStreamDestroy(recorder->stream);
    *recorder->cache = nullptr;
  }
  for (auto &constant : program.constants) {
    driver.cuMemFree(constant->address);
    *constant->cache = nullptr;
  }
  for (auto &kernel : program.kernels)
    *kernel->cache = nullptr;
  for (auto [image, module] : program.modules)
    driver.cuModuleUnload(module);
}

void GPU::release(DeviceProgram &program) {
  std::lock_guard<std::mutex> lock(getProgramMutex());
  for (auto *item = static_cast<Program *>(std::exchange(program.cache, nullptr)); item;) {
    destroy(*item);
    delete std::exchange(item, static_cast<Program *>(item->next));
  }
}

} // namespace mlir::lowbit::cuda
