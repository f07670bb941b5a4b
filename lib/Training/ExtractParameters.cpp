//===- ExtractParameters.cpp - constants that training can change ---------===//
// Law: called with what `initial` returns, the function computes what it computed.

#include "NamePatterns.h"
#include "Rounding.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXTRACTPARAMETERSPASS
#include "lowbit/Training/Passes.h.inc"

namespace {

/// What a constant is to the op that it is named by.
struct Role {
  std::string site;
  StringRef name, kind;
};

/// The site that `value` is an operand of, itself or through fake_quant; with the name of that operand.
std::optional<Role> getOperandRole(Value value) {
  for (OpOperand &use : value.getUses()) {
    auto op = dyn_cast<QuantizableOpInterface>(use.getOwner());
    auto site = op ? op->getAttrOfType<StringAttr>(kSiteAttr) : StringAttr();
    std::string reason;
    if (site)
      for (const QuantizableOperand &operand : op.getQuantizableOperands(reason))
        if (operand.operand == &use)
          return Role{site.str(), operand.name, kWeight};
    // The weight's role does not depend on its being constant.
    if (site && isa<linalg::LinalgOp>(*op))
      return Role{site.str(), use.getOperandNumber() == 0 ? StringRef("activation") : StringRef("weight"), kWeight};
  }
  return std::nullopt;
}

/// The site whose result `op` adds `value` to.
std::optional<Role> getBiasRole(Value value) {
  for (Operation *user : value.getUsers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(user);
    if (!generic)
      continue;
    for (Value input : generic.getDpsInputs())
      if (Operation *producer = input.getDefiningOp())
        if (auto site = producer->getAttrOfType<StringAttr>(kSiteAttr))
          return Role{site.str(), "bias", kOther};
  }
  return std::nullopt;
}

/// Whether `value` is added to what a site gives. Biases that are all alike at first, such as zeros, are learned like others.
bool isBias(Value value) {
  return getBiasRole(value) && llvm::any_of(value.getUses(), [](OpOperand &use) {
           auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
           if (!generic || !generic.isDpsInput(&use))
             return false;
           BlockArgument element = generic.getMatchingBlockArgument(&use);
           return element.hasOneUse() && isa<arith::AddFOp>(*element.user_begin());
         });
}

/// How `value` takes part in a weight whose rounding is soft; null when it does not.
OpOperand *findRoundingUse(Value value) {
  for (OpOperand &use : value.getUses())
    if (getSoftenedSite(use.getOwner()))
      return &use;
  return nullptr;
}

std::optional<Role> getRole(Value value) {
  if (OpOperand *use = findRoundingUse(value))
    return Role{getSoftenedSite(use->getOwner()).str(), "rounding", kOther};
  if (std::optional<Role> role = getOperandRole(value))
    return role;
  for (OpOperand &use : value.getUses())
    if (auto fake = dyn_cast<FakeQuantOp>(use.getOwner())) {
      std::optional<Role> role = getOperandRole(fake.getOutput());
      if (!role)
        continue;
      if (use.get() == fake.getScales() && use.getOperandNumber() != 0) {
        role->kind = kScale;
        role->name = role->name == "weight" ? "weight_scale"
                     : role->name == "lhs"  ? "lhs_scale"
                     : role->name == "rhs"  ? "rhs_scale"
                                            : "activation_scale";
      }
      return role;
    }
  return getBiasRole(value);
}

bool isScale(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto fake = dyn_cast<FakeQuantOp>(use.getOwner());
    return fake && use.getOperandNumber() == 1;
  });
}

struct ExtractParametersPass final : PassWithModels<impl::ExtractParametersPassBase<ExtractParametersPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    if (failed(extract()))
      signalPassFailure();
  }

private:
  LogicalResult extract() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    FailureOr<NamePatterns> patterns = NamePatterns::parse(model, parameters);
    if (failed(patterns))
      return failure();
    llvm::StringSet<> taken;
    for (unsigned i = 0, e = model.getNumArguments(); i != e; ++i)
      taken.insert(getPortName(model, i));
    SmallVector<arith::ConstantOp> constants;
    SmallVector<std::string> names;
    SmallVector<StringRef> kinds;
    for (auto constant : model.getBody().front().getOps<arith::ConstantOp>()) {
      if (!isTrainable(constant))
        continue;
      auto [name, kind] = describe(constant, taken, constants.size());
      if (!patterns->match(name))
        continue;
      taken.insert(name);
      constants.push_back(constant);
      names.push_back(name);
      kinds.push_back(kind);
    }
    if (const std::string *unused = patterns->findUnused())
      return model.emitError() << "no parameter matches `" << *unused << "`; expected a glob over names such as `fc1.weight`";
    if (constants.empty())
      return model.emitError() << "`" << function << "` has no constant of f32 that could be trained";
    return move(model, constants, names, kinds);
  }

  static bool isTrainable(arith::ConstantOp constant) {
    auto type = dyn_cast<RankedTensorType>(constant.getType());
    if (!type || !type.getElementType().isF32())
      return false;
    ElementsAttr elements = getConstantElements(constant);
    if (OpOperand *use = findRoundingUse(constant))
      return elements && use->getOperandNumber() == kVariable; // neighbours on the grid stay what they are
    return elements && (isScale(constant) || (type.getNumElements() > 1 && (!isSplat(elements) || isBias(constant))));
  }

  /// What the source calls it; keys of resources also depend on which other models the context has seen.
  static StringRef getSourceName(arith::ConstantOp constant) {
    if (auto name = dyn_cast<NameLoc>(constant.getLoc()))
      return name.getName();
    return getResourceKey(getConstantElements(constant), "");
  }

  static std::pair<std::string, StringRef> describe(arith::ConstantOp constant, const llvm::StringSet<> &taken, size_t number) {
    std::optional<Role> role = getRole(constant);
    std::string base = role ? (role->site + "." + role->name).str() : getSourceName(constant).str();
    if (base.empty())
      base = ("constant" + Twine(number)).str();
    std::string name = base;
    for (int64_t next = 2; taken.contains(name); ++next)
      name = (base + "#" + Twine(next)).str();
    return {name, role ? role->kind : isScale(constant) ? StringRef(kScale) : StringRef(kOther)};
  }

  LogicalResult move(func::FuncOp model, MutableArrayRef<arith::ConstantOp> constants, ArrayRef<std::string> names,
                     ArrayRef<StringRef> kinds) {
    if (getOperation().lookupSymbol("initial"))
      return model.emitError("the module has `initial` already; expected that name to be free");
    OpBuilder builder(model);
    SmallVector<Type> types;
    for (arith::ConstantOp constant : constants)
      types.push_back(constant.getType());
    auto initial = func::FuncOp::create(builder, model.getLoc(), "initial", builder.getFunctionType({}, types));
    Block *block = initial.addEntryBlock();
    builder.setInsertionPointToStart(block);
    SmallVector<Value> values;
    for (arith::ConstantOp constant : constants)
      values.push_back(builder.clone(*constant)->getResult(0));
    func::ReturnOp::create(builder, model.getLoc(), values);
    for (unsigned i = 0, e = constants.size(); i != e; ++i) {
      arith::ConstantOp constant = constants[i];
      auto name = builder.getNamedAttr(kNameAttr, builder.getStringAttr(names[i]));
      initial.setResultAttrs(i, {name});
      auto attrs = builder.getDictionaryAttr({name, builder.getNamedAttr(kParameterAttr, builder.getStringAttr(kinds[i]))});
      if (failed(model.insertArgument(i, constant.getType(), attrs, constant.getLoc())))
        return failure();
      constant.getResult().replaceAllUsesWith(model.getArgument(i));
      constant.erase();
    }
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
