//===- Signature.h - what a function takes and gives, in a user's words ---===//
//
// Read from the attribute that lowbit/Pipelines/RecordSignatures.h puts on functions.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIGNATURE_H
#define LOWBIT_EXECUTION_SIGNATURE_H

#include "lowbit/Arrays/Array.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// One input or output. Scalars have rank 0 and are passed by value.
struct Port {
  std::string name;
  SmallVector<int64_t, 4> shape;
  ElementType type;
  bool isScalar = false;
  bool isUpdated = false; ///< An input that calls write into.

  /// Says what is wrong with `buffer` for this port, if anything.
  llvm::Error check(const Buffer &buffer) const;
  /// Elements of less than a byte in the form that compiled code reads; an error names one that has none.
  llvm::Error narrow(const Buffer &buffer, std::vector<char> &into) const;
};

/// The inverse of `Port::narrow`.
void widenElements(const ElementType &type, ArrayRef<char> narrow, void *into);

struct Entry {
  std::string name;
  std::vector<Port> inputs, outputs;
  /// Bytes of scratch memory that a call takes as its last argument; without any there is no such argument.
  int64_t workspaceBytes = 0;
  /// What a call says that writes the number of one, from 1 on, to the i32 that its last argument points at. Without any there is no such
  /// argument.
  std::vector<std::string> assertions;
  /// Why it cannot be called from outside; empty when it can.
  std::string obstacle;
};

/// The functions that bear a signature, in the order of the module.
std::vector<Entry> readSignatures(ModuleOp module);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_SIGNATURE_H
