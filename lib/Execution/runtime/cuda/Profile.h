//===- Profile.h - how long each launch of a call takes -------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROFILE_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROFILE_H

#include "Driver.h"
#include "lowbit/Execution/Device.h"

namespace mlir::lowbit::cuda {

/// Whether the variable LOWBIT_GPU_PROFILE asks for it. Calls are then neither recorded nor replayed, as launches in a graph have no times
/// of their own.
bool isProfiling();

/// Whether launches of this thread are timed from now on.
void setProfiled(bool isProfiled);

/// Around a launch on `stream`: its time becomes a line of the thread's profile. What the driver refuses leaves no line.
class ProfiledLaunch {
public:
  ProfiledLaunch(const Driver &driver, Handle stream, const char *name, const LaunchShape &shape);
  ~ProfiledLaunch();
  ProfiledLaunch(const ProfiledLaunch &) = delete;
  ProfiledLaunch &operator=(const ProfiledLaunch &) = delete;

private:
  const Driver &driver;
  Handle stream, start = nullptr, stop = nullptr;
  const char *name;
  const LaunchShape &shape;
};

/// Waits for the launches of the call `entry` and writes a line about each to stderr.
void writeProfile(const Driver &driver, const char *entry);

} // namespace mlir::lowbit::cuda

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROFILE_H
