//===- Bytecode.cpp - the version of lowbit bytecode ----------------------===//
//
// Attributes and types are stored as text, which the parsers read; the version says which spelling it is.
//
//===----------------------------------------------------------------------===//

#include "Bytecode.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Bytecode/BytecodeImplementation.h"

namespace mlir::lowbit {
namespace {

constexpr uint64_t kVersion = 1;

struct Version final : DialectVersion {
  explicit Version(uint64_t number) : number(number) {}
  uint64_t number;
};

struct LowbitBytecode final : BytecodeDialectInterface {
  explicit LowbitBytecode(Dialect *dialect) : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const override { writer.writeVarInt(kVersion); }

  std::unique_ptr<DialectVersion> readVersion(DialectBytecodeReader &reader) const override {
    uint64_t number;
    if (failed(reader.readVarInt(number)))
      return nullptr;
    if (number > kVersion) {
      reader.emitError() << "lowbit bytecode version " << number << " is newer than " << kVersion
                         << ", the newest this build reads; read it with a newer lowbit, or save it as text";
      return nullptr;
    }
    return std::make_unique<Version>(number);
  }
};

} // namespace

void addBytecodeInterface(LowbitDialect &dialect) { dialect.addInterfaces<LowbitBytecode>(); }

} // namespace mlir::lowbit
