//===- Distill.cpp - a student beside its teacher -------------------------===//
// Law: the teacher is computed from the student's inputs, and nothing is differentiated through it.

#include "Projection.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/ModuleFile.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DISTILLPASS
#include "lowbit/Training/Passes.h.inc"

namespace {

/// `WHAT=LOSS*WEIGHT`.
struct Term {
  std::string what;
  LossAttrInterface loss;
  double weight;
};

/// A number that the loss is made of, and how much it counts.
using Share = std::pair<Value, double>;

struct DistillPass final : impl::DistillPassBase<DistillPass> {
  using DistillPassBase::DistillPassBase;

  void runOnOperation() override {
    if (failed(distill()))
      signalPassFailure();
  }

private:
  LogicalResult distill() {
    func::FuncOp student = findFunction(getOperation(), function);
    if (!student)
      return failure();
    if (student.getNumResults() < 2 || student.getResultTypes()[0] != RankedTensorType::get({}, Float32Type::get(&getContext())))
      return student.emitError() << "`" << function << "` gives no loss and result; expected what `lowbit-add-loss` makes";
    FailureOr<SmallVector<Term>> parsed = parseTerms(student);
    if (failed(parsed))
      return failure();
    OwningOpRef<ModuleOp> loaded;
    func::FuncOp model;
    if (file.empty()) {
      model = findFunction(getOperation(), teacher);
    } else {
      loaded = load();
      if (!loaded)
        return student.emitError() << "the teacher's module `" << file << "` cannot be read";
      model = findFunction(*loaded, "main");
    }
    return model ? join(student, model, *parsed) : failure();
  }

  OwningOpRef<ModuleOp> load() {
    auto sources = std::make_shared<llvm::SourceMgr>(); // constants that stay in the file keep it
    return parseModule(file, sources, getContext());
  }

  FailureOr<SmallVector<Term>> parseTerms(func::FuncOp student) {
    SmallVector<Term> parsed;
    if (terms.empty())
      return student.emitError("there are no `terms`; expected at least one, such as `result=divergence*0.5`");
    for (const std::string &text : terms) {
      auto [what, rest] = StringRef(text).split('=');
      auto [loss, weight] = rest.rsplit('*');
      Term term{what.str(), dyn_cast_or_null<LossAttrInterface>(LowbitDialect::parsePolicy(&getContext(), loss)), 0};
      if (what.empty() || !term.loss || weight.getAsDouble(term.weight) || !(term.weight > 0))
        return student.emitError() << "term `" << text
                                   << "`; expected WHAT=LOSS*WEIGHT, such as `result=divergence<temperature = 2.0>*0.5`";
      parsed.push_back(term);
    }
    return parsed;
  }

  /// Values of the function by name: what sites give, and what the last op that came from a node of the source's gives.
  static llvm::MapVector<StringAttr, Value> getNamedValues(Block &body) {
    llvm::MapVector<StringAttr, Value> values, sites;
    for (Operation &op : body) {
      // Fake quantization bears the name of what it quantizes, and one model has it where the other has not.
      if (op.getNumResults() != 1 || isa<LowbitDialect>(op.getDialect()))
        continue;
      if (auto name = dyn_cast<NameLoc>(op.getLoc()))
        values[name.getName()] = op.getResult(0);
      if (auto site = op.getAttrOfType<StringAttr>(kSiteAttr))
        sites[site] = op.getResult(0);
    }
    for (auto [site, value] : sites)
      values[site] = value;
    return values;
  }

  LogicalResult join(func::FuncOp student, func::FuncOp model, ArrayRef<Term> parsed) {
    Block &body = student.getBody().front(), &given = model.getBody().front();
    IRMapping mapping;
    for (BlockArgument argument : model.getArguments()) {
      std::string name = getPortName(model, argument.getArgNumber());
      auto same =
          llvm::find_if(student.getArguments(), [&](BlockArgument each) { return getPortName(student, each.getArgNumber()) == name; });
      if (same == student.getArguments().end() || same->getType() != argument.getType())
        return student.emitError() << "the teacher reads `" << name << "` of type " << argument.getType()
                                   << ", which is no input of the student; expected models of the same inputs";
      mapping.map(argument, *same);
    }
    llvm::MapVector<StringAttr, Value> named = getNamedValues(body), taught = getNamedValues(given);
    Operation *terminator = body.getTerminator();
    OpBuilder builder(terminator);
    for (Operation &op : given.without_terminator()) {
      if (isa<CallOpInterface>(op))
        return op.emitError("is a call, which a teacher must not have; inline it first (`--inline`)");
      builder.clone(op, mapping)->removeAttr(kSiteAttr);
    }
    SmallVector<Share> shares{{terminator->getOperand(0), labels}};
    for (const Term &term : parsed) {
      if (term.what == "result") {
        if (model.getNumResults() == 0)
          return student.emitError("the teacher has no result");
        if (failed(addShare(builder, student, term, "result", terminator->getOperand(1),
                            mapping.lookupOrDefault(given.getTerminator()->getOperand(0)), shares)))
          return failure();
        continue;
      }
      llvm::Expected<llvm::GlobPattern> pattern = RecipeRule::compilePattern(term.what);
      if (!pattern)
        return student.emitError() << "`" << term.what << "` is no pattern: " << llvm::toString(pattern.takeError());
      bool found = false;
      for (auto [name, value] : named) {
        Value other = taught.lookup(name);
        if (!other || !pattern->match(name.getValue()))
          continue;
        found = true;
        if (failed(addShare(builder, student, term, name.getValue(), value, mapping.lookupOrDefault(other), shares)))
          return failure();
      }
      if (!found)
        return student.emitError() << "no site or node of both student and teacher matches `" << term.what
                                   << "`; expected a pattern of names that both have (`lowbit-name-sites`), or `result`";
    }
    terminator->setOperand(0, buildWeightedSum(builder, student.getLoc(), shares));
    return success();
  }

  static LogicalResult addShare(OpBuilder &builder, func::FuncOp student, const Term &term, StringRef name, Value value, Value target,
                                SmallVectorImpl<Share> &shares) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    // Results are what they are; inner values may be wider in the teacher.
    if (name != "result" && type != target.getType() && canProject(type, dyn_cast<RankedTensorType>(target.getType()))) {
      value = buildProjection(builder, student, name, value, cast<RankedTensorType>(target.getType()));
      type = cast<RankedTensorType>(value.getType());
    }
    if (!type || type != target.getType())
      return student.emitError() << "`" << name << "` is " << value.getType() << " in the student and " << target.getType()
                                 << " in the teacher; expected one type"
                                 << (name == "result" ? "" : ", or types of f32 that differ in the last of two or more sizes");
    std::string reason;
    RankedTensorType expected =
        type.hasStaticShape() && type.getElementType().isF32() ? term.loss.getTargetType(type, reason) : RankedTensorType();
    if (expected != type)
      return student.emitError() << "`" << name << "` of type " << type << " cannot be compared by " << term.loss
                                 << (reason.empty() ? "" : ": ") << reason << "; expected a loss between values of one type, such as "
                                 << "`squared_error`, `cosine` or `divergence`";
    shares.push_back({term.loss.buildLoss(builder, student.getLoc(), value, target), term.weight});
    return success();
  }

  static Value buildWeightedSum(OpBuilder &builder, Location loc, ArrayRef<Share> given) {
    SmallVector<Share> shares(given);
    llvm::erase_if(shares, [](const Share &share) { return share.second == 0; });
    SmallVector<Value> values;
    for (auto [value, weight] : shares)
      values.push_back(value);
    return buildMap(builder, loc, values, [&](OpBuilder &b, Location nested, ValueRange args) {
      Value sum;
      for (auto [arg, share] : llvm::zip_equal(args, shares)) {
        Value weight = arith::ConstantOp::create(b, nested, b.getF32FloatAttr(static_cast<float>(share.second)));
        Value part = arith::MulFOp::create(b, nested, arg, weight);
        sum = sum ? arith::AddFOp::create(b, nested, sum, part).getResult() : part;
      }
      return sum;
    });
  }
};
} // namespace
} // namespace mlir::lowbit
