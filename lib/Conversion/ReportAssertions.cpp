//===- ReportAssertions.cpp - an assertion ends the call, not the process --===//
// Law: after an assertion that does not hold nothing runs that it guards, on no thread; the caller learns which one it was, and a function
// without assertions stays as it is.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Places.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_REPORTASSERTIONSPASS
#include "lowbit/Conversion/Passes.h.inc"

/// What leaves a region of OpenMP; null where nothing does.
static Operation *findEnd(Region &region) {
  for (Block &block : region)
    if (isa<omp::YieldOp, omp::TerminatorOp>(block.back()) && block.back().getNumOperands() == 0)
      return &block.back();
  return nullptr;
}

namespace {
/// The assertions of a module by their numbers, which begin at 1.
class Numbers {
public:
  int32_t get(cf::AssertOp op) {
    std::string text = "`cf.assert` at " + describePlace(op.getLoc()) + ": an assertion does not hold: " + op.getMsg().str();
    auto [entry, isNew] = numbers.try_emplace(text, static_cast<int32_t>(texts.size()) + 1);
    if (isNew)
      texts.push_back(entry->first());
    return entry->second;
  }
  ArrayRef<StringRef> getTexts() const { return texts; }

private:
  llvm::StringMap<int32_t> numbers;
  SmallVector<StringRef> texts;
};

/// Lets one function say in `status` which of its assertions does not hold, and return.
class Reporter {
public:
  Reporter(func::FuncOp function, Value status, Numbers &numbers) : function(function), status(status), numbers(numbers) {}

  void run(ArrayRef<Operation *> stops) {
    for (Operation *op : stops)
      if (auto assertion = dyn_cast<cf::AssertOp>(op))
        stop(assertion);
      else
        check(op);
  }

private:
  /// What follows `op` runs only where `goesOn`; else `leave` says what does.
  void branch(Operation *op, OpBuilder &builder, Value goesOn, function_ref<void(OpBuilder &)> leave) {
    Block *block = op->getBlock(), *rest = block->splitBlock(std::next(op->getIterator()));
    Region &region = *block->getParent();
    Block *out = builder.createBlock(&region, region.end());
    leave(builder);
    if (region.getParentOp() == function) {
      SmallVector<Value> results = llvm::map_to_vector(function.getResultTypes(), [&](Type type) -> Value {
        return ub::PoisonOp::create(builder, op->getLoc(), type); // which nobody reads
      });
      func::ReturnOp::create(builder, op->getLoc(), results);
    } else {
      builder.clone(*findEnd(region));
    }
    builder.setInsertionPointToEnd(block);
    cf::CondBranchOp::create(builder, op->getLoc(), goesOn, rest, ValueRange(), out, ValueRange());
  }

  void stop(cf::AssertOp op) {
    OpBuilder builder(op);
    branch(op, builder, op.getArg(), [&](OpBuilder &b) {
      Value number = LLVM::ConstantOp::create(b, op.getLoc(), b.getI32IntegerAttr(numbers.get(op)));
      LLVM::StoreOp::create(b, op.getLoc(), number, status, /*alignment=*/4, /*isVolatile=*/false, /*isNonTemporal=*/false,
                            /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic); // threads may fail at once
    });
    op.erase();
  }

  /// After a call, or a loop on threads, in which an assertion may have failed.
  void check(Operation *op) {
    Operation *next = op->getNextNode();
    if (!next || (next->hasTrait<OpTrait::IsTerminator>() && next->getNumOperands() == 0 && next->getNumSuccessors() == 0))
      return; // what follows is what would be done
    OpBuilder builder(next);
    Value number =
        LLVM::LoadOp::create(builder, op->getLoc(), builder.getI32Type(), status, /*alignment=*/4, /*isVolatile=*/false,
                             /*isNonTemporal=*/false, /*isInvariant=*/false, /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic);
    Value none = LLVM::ConstantOp::create(builder, op->getLoc(), builder.getI32IntegerAttr(0));
    Value holds = LLVM::ICmpOp::create(builder, op->getLoc(), LLVM::ICmpPredicate::eq, number, none);
    branch(holds.getDefiningOp(), builder, holds, [](OpBuilder &) {});
  }

  func::FuncOp function;
  Value status;
  Numbers &numbers;
};

struct ReportAssertionsPass final : impl::ReportAssertionsPassBase<ReportAssertionsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SetVector<func::FuncOp> fallible = findFallible(module, symbols);
    Numbers numbers;
    for (func::FuncOp function : fallible)
      if (failed(verify(function, symbols, fallible)) || failed(addStatus(function)))
        return signalPassFailure();
    for (func::FuncOp function : fallible) {
      Value status = function.getArguments().back();
      SmallVector<Operation *> stops = collectStops(function, symbols, fallible);
      for (Operation *&op : stops)
        if (auto call = dyn_cast<func::CallOp>(op)) {
          OpBuilder builder(call);
          SmallVector<Value> operands(call.getOperands());
          operands.push_back(status);
          auto passing = func::CallOp::create(builder, call.getLoc(), call.getCallee(), call.getResultTypes(), operands);
          call.replaceAllUsesWith(passing);
          call.erase();
          op = passing;
        }
      Reporter(function, status, numbers).run(stops);
    }
    Builder builder(module.getContext());
    for (func::FuncOp function : fallible)
      if (auto signature = function->getAttrOfType<DictionaryAttr>(signatureAttrName)) {
        NamedAttrList attrs(signature);
        attrs.set("assertions", builder.getStrArrayAttr(numbers.getTexts()));
        function->setAttr(signatureAttrName, attrs.getDictionary(module.getContext()));
      }
  }

  static SetVector<func::FuncOp> findFallible(ModuleOp module, const SymbolTable &symbols) {
    SetVector<func::FuncOp> fallible;
    for (size_t before = ~size_t(0); before != fallible.size();) {
      before = fallible.size();
      for (auto function : module.getOps<func::FuncOp>())
        if (!fallible.contains(function) && !collectStops(function, symbols, fallible).empty())
          fallible.insert(function);
    }
    return fallible;
  }

  /// Assertions, calls of what is `fallible`, and ops around those, the innermost first.
  static SmallVector<Operation *> collectStops(func::FuncOp function, const SymbolTable &symbols, const SetVector<func::FuncOp> &fallible) {
    SmallVector<Operation *> stops;
    DenseSet<Operation *> around;
    function.walk<WalkOrder::PostOrder>([&](Operation *op) {
      if (op == function)
        return;
      auto call = dyn_cast<func::CallOp>(op);
      bool isStop =
          isa<cf::AssertOp>(op) || around.contains(op) || (call && fallible.contains(symbols.lookup<func::FuncOp>(call.getCallee())));
      if (!isStop)
        return;
      around.insert(op->getParentOp());
      stops.push_back(op);
    });
    return stops;
  }

  static LogicalResult verify(func::FuncOp function, const SymbolTable &symbols, const SetVector<func::FuncOp> &fallible) {
    for (Operation *op : collectStops(function, symbols, fallible))
      if (Region *region = op->getParentRegion(); region != &function.getBody() && !canLeave(*region))
        return region->getParentOp()->emitOpError(
            "has an assertion inside of it; expected branches, or loops of OpenMP, around assertions");
    return success();
  }

  /// Wrappers of loops hold nothing that is left before its end.
  static bool canLeave(Region &region) { return isa<omp::LoopWrapperInterface>(region.getParentOp()) || findEnd(region); }

  LogicalResult addStatus(func::FuncOp function) {
    std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(function, getOperation());
    for (const SymbolTable::SymbolUse &use : *uses)
      if (!isa<func::CallOp>(use.getUser()))
        return use.getUser()->emitOpError() << "uses function `" << function.getName()
                                            << "`, whose assertions are its caller's; expected a direct call";
    NamedAttrList attrs;
    attrs.set("lowbit.status", UnitAttr::get(&getContext()));
    return function.insertArgument(function.getNumArguments(), LLVM::LLVMPointerType::get(&getContext()),
                                   attrs.getDictionary(&getContext()), function.getLoc());
  }
};
} // namespace
} // namespace mlir::lowbit
