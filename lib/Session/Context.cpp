//===- Context.cpp - one compiler context for all models of a process -----===//

#include "Context.h"
#include "lowbit/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

namespace mlir::lowbit {

char CompileError::ID = 0;

static DialectRegistry createRegistry() {
  static std::once_flag once;
  std::call_once(once, [] {
    mlir::registerAllPasses();
    lowbit::registerAllPasses();
  });
  DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registerAllExtensions(registry);
  lowbit::registerAllDialects(registry);
  return registry;
}

SessionContext::SessionContext() : context(createRegistry(), MLIRContext::Threading::DISABLED) {
  context.printOpOnDiagnostic(false); // a module with weights is no help in a message
}

std::shared_ptr<SessionContext> SessionContext::get() {
  static std::shared_ptr<SessionContext> session = std::make_shared<SessionContext>();
  return session;
}

static std::string formatLocation(Location loc) {
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    return (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
  if (auto name = loc->findInstanceOf<NameLoc>())
    return name.getName().str();
  return "";
}

Work::Work(std::shared_ptr<SessionContext> owner)
    : session(std::move(owner)), lock(session->getMutex()), handler(&session->getContext(), [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return success();
        std::string where = formatLocation(diagnostic.getLocation());
        if (location.empty())
          location = where;
        text += (text.empty() ? "" : "\n") + where + (where.empty() ? "" : ": ") + diagnostic.str();
        for (Diagnostic &note : diagnostic.getNotes()) {
          std::string at = formatLocation(note.getLocation());
          text += "\n  note: " + (at == where || at.empty() ? "" : at + ": ") + note.str();
        }
        return success();
      }) {
  session->begin();
}

/// A module in passing is declared after the work, and ends before it.
Work::~Work() {
  session->end();
  session->freeUnused();
}

llvm::Error Work::takeError(const Twine &fallback) {
  return llvm::make_error<CompileError>(text.empty() ? fallback.str() : std::move(text), std::move(location));
}

Model makeModel(std::shared_ptr<SessionContext> session, OwningOpRef<ModuleOp> module) {
  auto storage = std::make_shared<Model::Storage>();
  storage->session = std::move(session);
  storage->module = std::move(module);
  storage->session->add(*storage->module);
  return Model(std::move(storage));
}

} // namespace mlir::lowbit
