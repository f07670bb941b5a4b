//===- Context.h - one compiler context for all models of a process -------===//
#ifndef LOWBIT_LIB_SESSION_CONTEXT_H
#define LOWBIT_LIB_SESSION_CONTEXT_H

#include "Resources.h"
#include "lowbit/Session/Model.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/SetVector.h"
#include <mutex>

namespace mlir::lowbit {

class SessionContext {
public:
  SessionContext();
  /// The context that all models share, so that statistics and sources fit any of them.
  static std::shared_ptr<SessionContext> get();

  MLIRContext &getContext() { return context; }
  std::recursive_mutex &getMutex() { return mutex; }

  /// Modules that models hold; what else the context keeps bytes for is free to go. Under the mutex, as all that follows.
  void add(ModuleOp module) { modules.insert(module); }
  void remove(ModuleOp module) { modules.remove(module); }
  /// Work, inside of which modules may be in use that no model has.
  void begin() { ++depth; }
  void end() { --depth; }
  /// Frees the bytes of constants that no model has any more, outside of work.
  void freeUnused() {
    if (depth == 0)
      freeResources(context, modules.getArrayRef());
  }

private:
  MLIRContext context;
  llvm::SetVector<ModuleOp> modules;
  unsigned depth = 0;
  std::recursive_mutex mutex;
};

/// Holds the context and collects the diagnostics that work on it emits. When it ends, so do the constants of modules that were in passing.
class Work {
public:
  explicit Work(std::shared_ptr<SessionContext> session);
  ~Work();
  MLIRContext &getContext() { return session->getContext(); }
  /// What was emitted, as an error; `fallback` when nothing was.
  llvm::Error takeError(const Twine &fallback);

private:
  std::shared_ptr<SessionContext> session;
  std::lock_guard<std::recursive_mutex> lock;
  std::string text, location;
  ScopedDiagnosticHandler handler;
};

struct Model::Storage {
  std::shared_ptr<SessionContext> session;
  OwningOpRef<ModuleOp> module;

  ~Storage() {
    std::lock_guard<std::recursive_mutex> lock(session->getMutex());
    session->remove(*module);
    module = nullptr;
    session->freeUnused();
  }
};

/// A new model around `module`.
Model makeModel(std::shared_ptr<SessionContext> session, OwningOpRef<ModuleOp> module);

EntryInfo describeEntry(const Entry &entry);

/// What `statistics` wraps.
const Statistics &getStatistics(const ModelStatistics &statistics);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_SESSION_CONTEXT_H
