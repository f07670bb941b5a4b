//===- quant-run.cpp - compile a module and call one of its functions -----===//

#include "lowbit/Execution/RunFile.h"
#include "lowbit/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

int main(int argc, char **argv) {
  // LLVM's libraries register options of their own, `threads` among them; only ours are options of this tool.
  cl::ResetCommandLineParser();
  mlir::lowbit::RunFileOptions options;
  cl::opt<std::string, true> model(cl::Positional, cl::desc("<module, text or bytecode>"), cl::Required, cl::location(options.modelPath));
  cl::opt<std::string, true> entry("entry", cl::desc("function to call, main by default"), cl::location(options.entry));
  cl::opt<std::string, true> inputs("inputs", cl::desc(".npz with one array an input, or a .npy"), cl::location(options.inputPath));
  cl::opt<std::string, true> output("output", cl::desc(".npz (or .npy, for one output) to write"), cl::location(options.outputPath));
  cl::opt<std::string, true> target("target", cl::desc("host, reference, or a target's name"), cl::location(options.compile.target));
  cl::opt<unsigned, true> threads("threads", cl::desc("threads that share the work"), cl::location(options.compile.threads));
  cl::opt<unsigned, true> timed("time", cl::desc("call it N times more and print the times"), cl::location(options.timed));
  cl::opt<std::string, true> observe("observe", cl::desc("file of statistics to write, over all samples of --inputs"),
                                     cl::location(options.observePath));
  cl::opt<std::string, true> observer("observer", cl::desc("what to observe with: minmax, percentile<99.9>, …"),
                                      cl::location(options.observer));
  cl::opt<std::string, true> axes("observe-axes", cl::desc("what keeps a state of its own: tensor, channel, token, auto"),
                                  cl::location(options.observedAxes));
  cl::list<std::string, std::vector<std::string>> sites("observe-sites", cl::CommaSeparated, cl::desc("patterns of the sites to observe"),
                                                        cl::location(options.observedSites));
  cl::list<std::string, std::vector<std::string>> moments("observe-moments", cl::CommaSeparated,
                                                          cl::desc("patterns of the sites that keep second moments"),
                                                          cl::location(options.observedMoments));
  cl::opt<std::string, true> recipe("observe-recipe", cl::desc("recipe whose algorithms change activations before they are observed"),
                                    cl::location(options.observedRecipe));
  cl::opt<std::string, true> mask("observe-mask", cl::desc("input whose zeros mark rows that do not count"),
                                  cl::location(options.observedMask));
  cl::ParseCommandLineOptions(argc, argv, "Compiles a module and calls one of its functions with arrays from files\n");

  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::lowbit::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::lowbit::runFile(context, options, llvm::outs()));
}
