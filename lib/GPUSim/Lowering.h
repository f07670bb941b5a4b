//===- Lowering.h - how one op of a kernel becomes calls ------------------===//
//
// A rule replaces one op by calls of the simulator. A family of instructions has its rules in a file of its own, `<Family>Rules.cpp`; what
// they call is in lib/Execution/runtime/sim/machine/<Family>Instructions.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPUSIM_LOWERING_H
#define LOWBIT_GPUSIM_LOWERING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringMap.h"
#include <functional>

namespace mlir::lowbit::gpusim {

/// Strings and places in the source of all kernels of a module.
class Sites {
public:
  Sites(ModuleOp module, SymbolTable &symbols) : module(module), symbols(symbols) {}
  /// A constant {operation, location} of its own.
  LLVM::GlobalOp add(Operation *op);
  LLVM::GlobalOp getString(StringRef text);

private:
  LLVM::GlobalOp addGlobal(Type type, StringRef name, Attribute value);
  ModuleOp module;
  SymbolTable &symbols;
  llvm::StringMap<LLVM::GlobalOp> strings;
  llvm::StringMap<unsigned> places;
};

class Lowering {
public:
  Lowering(func::FuncOp kernel, ModuleOp module, SymbolTable &symbols, Sites &sites);

  /// Before the op that is replaced.
  OpBuilder builder;
  Location getLoc() const { return loc; }
  void moveTo(Operation *op);

  Type getPointerType() const { return pointerType; }
  Type getWordType() const { return wordType; }
  Value word(int64_t value);
  Value longWord(int64_t value);
  /// Calls a function of the simulator; null where `result` is.
  Value call(StringRef name, Type result, ValueRange arguments);
  /// The address of the place that reports name for the current op.
  Value site();
  /// The address of the words, with a zero behind them.
  Value text(StringRef words);

  /// Memory of the lane for the registers of one op: `offset` words into what all ops share.
  Value scratch(unsigned offset = 0);
  static constexpr unsigned kScratchWords = 32;
  /// Memory of the lane that nothing else uses.
  Value allocate(unsigned words);

  /// A value of 32 bits as i32, and back. Null after an error.
  Value toWord(Value value);
  Value fromWord(Value value, Type type);
  /// Puts registers at `offset` words of the scratch memory; null after an error.
  Value store(ValueRange registers, unsigned offset);
  /// Reads `type`, one register or a struct of them, from there.
  Value load(Type type, unsigned offset);
  Value getElement(Value pointer, unsigned word);

  /// Zero-extended or cut to 32 or 64 bits; an index too.
  Value toInteger(Value value, unsigned width);

  /// Runs `body` only where `predicate`, if there is one, holds.
  void when(Value predicate, llvm::function_ref<void()> body);

  /// Whether a word is another than zero, i1.
  Value isNotZero(Value word);

  /// `result` takes the place of the op's; failure where it is null, after an error.
  LogicalResult replace(Value result);
  InFlightDiagnostic refuse(const Twine &why);
  Operation *getOperation() const { return op; }

private:
  ModuleOp module;
  SymbolTable &symbols;
  Sites &sites;
  func::FuncOp kernel;
  Operation *op = nullptr;
  Location loc;
  Type pointerType, wordType;
  Value scratchMemory;
};

/// What to do with an op, by its name. A rule erases the op or leaves it; it has reported what it refuses.
class Rules {
public:
  using Rule = std::function<LogicalResult(Operation *, Lowering &)>;

  template <typename Op> void add(LogicalResult (*rule)(Op, Lowering &)) {
    rules[Op::getOperationName()] = [rule](Operation *op, Lowering &lowering) { return rule(cast<Op>(op), lowering); };
  }
  /// An op that is a call without arguments.
  template <typename Op> void call(StringRef name) {
    rules[Op::getOperationName()] = [name](Operation *op, Lowering &lowering) {
      lowering.call(name, {}, {});
      op->erase();
      return success();
    };
  }
  /// An op that means nothing to the simulator.
  template <typename Op> void ignore() {
    rules[Op::getOperationName()] = [](Operation *op, Lowering &) {
      op->erase();
      return success();
    };
  }
  const Rule *find(Operation *op) const {
    auto found = rules.find(op->getName().getStringRef());
    return found == rules.end() ? nullptr : &found->second;
  }

private:
  llvm::StringMap<Rule> rules;
};

void addPlaceRules(Rules &rules);
void addMemoryRules(Rules &rules);
void addBarrierRules(Rules &rules);
void addCopyRules(Rules &rules);
void addMatrixRules(Rules &rules);
void addMmaRules(Rules &rules);
void addMfmaRules(Rules &rules);
void addWarpRules(Rules &rules);
void addScalarRules(Rules &rules);
void addStopRules(Rules &rules);
void addMbarrierRules(Rules &rules);
void addBulkRules(Rules &rules);
void addWarpgroupRules(Rules &rules);
void addTensorRules(Rules &rules);

/// Turns accumulators of wgmma from values into places in memory; wgmma itself is left to its rule.
LogicalResult placeAccumulators(func::FuncOp kernel, Lowering &lowering);

/// Whether an address lies in the lane's own memory.
bool isLocal(Value address);

} // namespace mlir::lowbit::gpusim

#endif // LOWBIT_GPUSIM_LOWERING_H
