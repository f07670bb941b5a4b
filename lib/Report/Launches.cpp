//===- Launches.cpp - what a model launches on a GPU, as data -------------===//
// Law: the list is of the launches that compiled code has, in the order in which it makes them; what a kernel takes is what its assembler
// says, or is left out.

#include "lowbit/Report/Launches.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/GPU/Traffic.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Pipelines/GPU.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::lowbit {

using llvm::json::Array;
using llvm::json::Object;

void registerLaunchDialects(DialectRegistry &registry) {
  OpPassManager pm(ModuleOp::getOperationName());
  buildLaunchPipeline(pm);
  buildAssemblePipeline(pm);
  pm.getDependentDialects(registry);
}

static std::string getText(MemRefType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int64_t size : type.getShape())
    ShapedType::isDynamic(size) ? stream << "?x" : stream << size << "x";
  stream << type.getElementType();
  return text;
}

/// The buffers, with their bytes added to `sum`.
static Array describeBuffers(Operation *launch, StringRef name, int64_t &sum) {
  Array buffers;
  auto attributes = launch->getAttrOfType<ArrayAttr>(name);
  if (!attributes)
    return buffers;
  for (auto buffer : attributes.getAsRange<DictionaryAttr>()) {
    Object row{{"type", getText(cast<MemRefType>(buffer.getAs<TypeAttr>("type").getValue()))}};
    if (auto bytes = buffer.getAs<IntegerAttr>("bytes")) {
      row["bytes"] = bytes.getInt();
      sum += bytes.getInt();
    }
    buffers.push_back(std::move(row));
  }
  return buffers;
}

static Object describeLaunch(gpu::LaunchFuncOp launch) {
  int64_t read = 0, written = 0;
  Object row{{"function", launch->getParentOfType<func::FuncOp>().getName().str()}, {"kernel", launch.getKernelName().getValue().str()}};
  if (auto site = launch->getAttrOfType<StringAttr>(kSiteAttr))
    row["site"] = site.getValue().str();
  auto setProduct = [&](StringRef key, gpu::KernelDim3 sizes) {
    int64_t product = 1;
    for (Value size : {sizes.x, sizes.y, sizes.z}) {
      IntegerAttr known;
      if (!matchPattern(size, m_Constant(&known)))
        return;
      product *= known.getInt();
    }
    row[key] = product;
  };
  setProduct("blocks", launch.getGridSizeOperandValues());
  setProduct("threads", launch.getBlockSizeOperandValues());
  IntegerAttr shared;
  row["shared_bytes"] = launch.getDynamicSharedMemorySize() && matchPattern(launch.getDynamicSharedMemorySize(), m_Constant(&shared))
                            ? shared.getInt()
                            : int64_t(0);
  row["reads"] = describeBuffers(launch, readsAttrName, read);
  row["writes"] = describeBuffers(launch, writesAttrName, written);
  row["bytes_read"] = read;
  row["bytes_written"] = written;
  return row;
}

/// What each kernel of `module` takes, by names; none where nothing here assembles them. Failure after an error.
static FailureOr<DictionaryAttr> findResources(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  buildAssemblePipeline(pm);
  if (failed(pm.run(*copy)))
    return failure();
  DictionaryAttr resources = DictionaryAttr::get(module.getContext());
  copy->walk([&](LLVM::GlobalOp global) {
    if (auto found = global->getAttrOfType<DictionaryAttr>(kernelResourcesAttrName))
      resources = found;
  });
  return resources;
}

FailureOr<Object> listLaunches(ModuleOp module, StringRef target) {
  FailureOr<QuantTargetAttrInterface> resolved = resolveTarget(module.getContext(), target, [&] { return module.emitError(); });
  if (failed(resolved))
    return failure();
  if (!resolved->getGPU())
    return module.emitError() << "`" << target << "` is no GPU; expected a target that has launches, such as `nvptx:sm_90a`", failure();
  module->setAttr(targetAttrName, *resolved);
  recordSignatures(module);
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  buildLaunchPipeline(pm);
  if (failed(pm.run(module)))
    return failure();
  FailureOr<DictionaryAttr> resources = findResources(module);
  if (failed(resources))
    return failure();
  Array launches;
  int64_t read = 0, written = 0;
  module.walk([&](gpu::LaunchFuncOp launch) {
    Object row = describeLaunch(launch);
    if (auto numbers = resources->getAs<DictionaryAttr>(launch.getKernelName()))
      for (NamedAttribute number : numbers)
        row[number.getName().getValue()] = cast<IntegerAttr>(number.getValue()).getInt();
    read += *row.getInteger("bytes_read");
    written += *row.getInteger("bytes_written");
    launches.push_back(std::move(row));
  });
  return Object{{"target", target.str()}, {"launches", std::move(launches)}, {"bytes_read", read}, {"bytes_written", written}};
}

} // namespace mlir::lowbit
