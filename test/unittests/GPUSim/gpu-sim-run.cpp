//===- gpu-sim-run.cpp - run a kernel on the simulator --------------------===//
//
// Exit code 0: it ran, nothing was found, results are what was expected. With --mutants: every mutant was found out.
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Compiled.h"
#include "Mutants.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace mlir;
using namespace mlir::lowbit;
using namespace mlir::lowbit::unittest;
namespace cl = llvm::cl;

namespace {
struct Setting {
  std::string path, container = "kernels", kernel;
  std::vector<uint32_t> grid, block;
  uint32_t sharedBytes = 0;
  sim::MachineOptions options;
  unsigned strides = 0, offsets = 0; // mutants of a kind; 0: all
};

struct Outcome {
  std::vector<sim::Finding> findings;
  uint64_t wrongBytes = 0;
  bool isFine() const { return findings.empty() && !wrongBytes; }
};
} // namespace

static Outcome run(sim::Machine &machine, const Setting &setting, const sim::Kernel &kernel, Arguments &arguments,
                   sim::MachineOptions options) {
  arguments.reset();
  const uint32_t grid[3] = {setting.grid[0], setting.grid[1], setting.grid[2]};
  const uint32_t block[3] = {setting.block[0], setting.block[1], setting.block[2]};
  machine.launch(kernel, grid, block, setting.sharedBytes, arguments.getParameters(), options, &arguments.getMemory());
  return {machine.takeFindings(), arguments.countWrongBytes()};
}

static StringRef getName(sim::Finding::Kind kind) {
  constexpr StringLiteral names[] = {"race", "in flight", "unfenced", "deadlock", "divergence", "out of bounds", "misaligned", "illegal"};
  return names[kind];
}

static void print(const Outcome &outcome, const Arguments &arguments) {
  for (const sim::Finding &finding : outcome.findings)
    llvm::outs() << getName(finding.kind) << " (" << finding.times << "): " << finding.text << '\n';
  if (arguments.hasResults())
    llvm::outs() << (outcome.wrongBytes ? std::to_string(outcome.wrongBytes) + " bytes of the results are wrong\n" : "results are right\n");
}

static OwningOpRef<ModuleOp> parse(MLIRContext &context, const Setting &setting) {
  return parseSourceFile<ModuleOp>(setting.path, &context);
}

static int runMutants(MLIRContext &context, const Setting &setting, Arguments &arguments) {
  OwningOpRef<ModuleOp> kernels = parse(context, setting);
  if (!kernels)
    return 2;
  unsigned missed = 0;
  sim::Machine machine;
  const std::vector<unsigned> numbers =
      drawMutants(listChanges(*kernels, setting.kernel), setting.strides, setting.offsets, setting.options.seed);
  for (unsigned number : numbers) {
    OwningOpRef<ModuleOp> module = kernels->clone();
    const std::string text = mutate(*module, setting.kernel, number);
    llvm::outs() << "mutant " << number << ", " << text << ": ";
    FailureOr<Compiled> compiled = failure();
    {
      ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
      compiled = Compiled::compile(*module, setting.container, setting.kernel, /*optimizationLevel=*/1);
    }
    if (failed(compiled)) {
      llvm::outs() << "refused\n";
      continue;
    }
    StringRef how;
    for (sim::Order order : {sim::Order::Ring, sim::Order::Reverse, sim::Order::Random}) {
      sim::MachineOptions options = setting.options;
      options.order = order;
      options.stopsEarly = true;
      const Outcome outcome = run(machine, setting, compiled->getKernel(), arguments, options);
      if (!outcome.isFine()) {
        how = outcome.findings.empty() ? StringRef("wrong result") : getName(outcome.findings.front().kind);
        break;
      }
    }
    missed += how.empty();
    llvm::outs() << (how.empty() ? StringRef("NOT FOUND") : how) << '\n';
    llvm::outs().flush();
  }
  llvm::outs() << numbers.size() << " mutants, " << missed << " not found\n";
  return missed || numbers.empty();
}

int main(int argc, char **argv) {
  cl::ResetCommandLineParser();
  Setting setting;
  cl::opt<std::string, true> path(cl::Positional, cl::Required, cl::desc("<module>"), cl::location(setting.path));
  cl::list<std::string> texts(cl::Positional, cl::desc("<arguments: see Arguments.h>"));
  cl::opt<std::string, true> container("module", cl::desc("gpu.module, `kernels` by default"), cl::location(setting.container));
  cl::opt<std::string, true> kernel("kernel", cl::Required, cl::desc("gpu.func"), cl::location(setting.kernel));
  cl::list<uint32_t, std::vector<uint32_t>> grid("grid", cl::CommaSeparated, cl::desc("X,Y,Z"), cl::location(setting.grid));
  cl::list<uint32_t, std::vector<uint32_t>> block("block", cl::CommaSeparated, cl::desc("X,Y,Z"), cl::location(setting.block));
  cl::opt<uint32_t, true> shared("shared", cl::desc("bytes of shared memory"), cl::location(setting.sharedBytes));
  cl::opt<sim::Order> order("order", cl::values(clEnumValN(sim::Order::Ring, "ring", ""), clEnumValN(sim::Order::Reverse, "reverse", ""),
                                                clEnumValN(sim::Order::Random, "random", "")));
  cl::opt<uint64_t> seed("seed", cl::init(1));
  cl::opt<bool> blind("blind", cl::desc("follow no accesses"));
  cl::opt<bool> counts("counts", cl::desc("print what was counted"));
  cl::opt<bool> time("time", cl::desc("print the time of a second run"));
  cl::opt<bool> mutants("mutants", cl::desc("run mutants of the kernel instead; every one if no other option limits them"));
  cl::opt<unsigned, true> strides("strides", cl::desc("with --mutants: so many of each kind of strides, drawn by the seed"),
                                  cl::location(setting.strides));
  cl::opt<unsigned, true> offsets("offsets", cl::desc("with --mutants: so many of each kind of offsets, drawn by the seed"),
                                  cl::location(setting.offsets));
  cl::opt<int> emitMutant("emit-mutant", cl::init(-1), cl::desc("print the module of one mutant instead"));
  cl::ParseCommandLineOptions(argc, argv, "Runs a kernel on the simulator of a GPU\n");
  setting.grid.resize(3, 1);
  setting.block.resize(3, 1);
  setting.options = {order.getNumOccurrences() ? order.getValue() : sim::Order::Ring, seed, !blind, counts};

  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  MLIRContext context(registry);
  llvm::Expected<Arguments> arguments = Arguments::parse(texts);
  if (!arguments) {
    llvm::errs() << llvm::toString(arguments.takeError()) << '\n';
    return 2;
  }
  if (mutants)
    return runMutants(context, setting, *arguments);
  OwningOpRef<ModuleOp> module = parse(context, setting);
  if (!module)
    return 2;
  if (emitMutant >= 0) {
    llvm::outs() << "// " << mutate(*module, setting.kernel, emitMutant) << '\n' << *module << '\n';
    return 0;
  }
  FailureOr<Compiled> compiled = Compiled::compile(*module, setting.container, setting.kernel, /*optimizationLevel=*/2);
  if (failed(compiled))
    return 2;
  sim::Machine machine;
  Outcome outcome = run(machine, setting, compiled->getKernel(), *arguments, setting.options);
  print(outcome, *arguments);
  if (counts) {
    const sim::MachineCounts before = machine.getCounts();
    llvm::outs() << before.blocks << " blocks, " << before.switches << " switches, " << before.matrices << " matrices in "
                 << before.matrixPhases << " phases, " << before.accesses << " accesses in " << before.accessPhases << " phases\n";
  }
  if (time) {
    auto start = std::chrono::steady_clock::now();
    run(machine, setting, compiled->getKernel(), *arguments, setting.options);
    const std::chrono::duration<double, std::micro> passed = std::chrono::steady_clock::now() - start;
    llvm::errs() << static_cast<int64_t>(passed.count()) << " us\n";
  }
  return !outcome.isFine();
}
