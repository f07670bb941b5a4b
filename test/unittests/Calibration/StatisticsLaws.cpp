//===- StatisticsLaws.cpp - files of statistics ---------------------------===//

#include "../Check.h"
#include "lowbit/Calibration/Recorder.h"
#include "lowbit/InitAll.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <limits>
#include <random>

namespace mlir::lowbit::unittest {
namespace {

constexpr StringLiteral kModel = R"mlir(
func.func @f(%x: tensor<2x3xf32>, %y: tensor<2x3x4xf32>, %z: tensor<?xf32>) {
  lowbit.observe "x" %x : tensor<2x3xf32> with #lowbit.minmax per [1]
  lowbit.observe "y" %y : tensor<2x3x4xf32> with #lowbit.percentile<99.9, bins = 16> per [1]
  lowbit.observe "z" %z : tensor<?xf32> with #lowbit.moving_average<0.9>
  return
})mlir";

std::string print(const Statistics &statistics) {
  std::string text;
  llvm::raw_string_ostream os(text);
  statistics.print(os);
  return text;
}

Statistics create(MLIRContext *context, StringRef text = kModel) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context);
  return std::move(*Statistics::create(*module));
}

/// Feeds one run whose values begin at `start`.
void run(Recorder &recorder, float start) {
  std::vector<float> values(24);
  for (auto [i, value] : llvm::enumerate(values))
    value = start + 0.1f * i;
  recorder.observe(0, ArrayRef(values).take_front(6), {2, 3});
  recorder.observe(1, values, {2, 3, 4});
  recorder.observe(2, ArrayRef(values).take_front(5), {5});
}

Statistics record(MLIRContext *context, ArrayRef<float> starts) {
  Recorder recorder(create(context));
  for (float start : starts) {
    run(recorder, start);
    llvm::cantFail(recorder.endRun());
  }
  return recorder.takeStatistics();
}

void checkFiles(MLIRContext *context) {
  Statistics all = record(context, {-1, 0.5, 7});
  std::string text = print(all);
  check(text == print(record(context, {-1, 0.5, 7})), "same data, same file");
  llvm::Expected<Statistics> read = Statistics::parse(text, context);
  check(static_cast<bool>(read) && print(*read) == text, "a file that is read is written alike");
  Statistics some = record(context, {-1, 0.5}), rest = record(context, {7});
  llvm::cantFail(some.merge(rest));
  check(some.getRuns() == 3 && some.lookup("z")->getCount() == 15, "a merge adds runs and counts");
  NumberFormatAttrInterface format = cast<NumberFormatAttrInterface>(LowbitDialect::parsePolicy(context, "int<8>"));
  check(all.lookup("x")->getRanges(format, false)[1] == std::pair<double, double>(-1 + 0.1f, 7 + 0.1f * 4), "channels are apart");
  check(all.lookup("x")->getRange(format, false) == std::pair<double, double>(-1, 7 + 0.1f * 5), "the tensor's range covers them");
  check(!all.lookup("w"), "an unknown site");
}

void checkRefusals(MLIRContext *context) {
  std::string text = print(record(context, {-1}));
  auto refuse = [&](StringRef from, StringRef to, StringRef reason) {
    std::string broken = text;
    size_t place = broken.find(from.str());
    check(place != std::string::npos, "test edits text that is there: " + from);
    broken.replace(place, from.size(), to.str());
    llvm::Expected<Statistics> read = Statistics::parse(broken, context);
    std::string message = read ? "accepted" : llvm::toString(read.takeError());
    check(StringRef(message).contains(reason), "expected `" + reason + "`, got `" + message + "`");
  };
  refuse(text, "", "Unexpected EOF");
  refuse(text.substr(text.size() / 2), "", "");
  refuse(text, std::string(100000, '['), "nested more than 16 deep");
  refuse("\"lowbit statistics\"", "\"recipe\"", "not statistics");
  refuse("\"version\":1", "\"version\":2", "version 2 is newer than 1");
  refuse("\"version\":1", "\"version\":\"1\"", "`version` is missing");
  refuse("\"runs\":1", "\"runs\":1,\"runs\":2", "is given twice");
  refuse("\"runs\":1", "\"runs\":1,\"r\\u0075ns\":2", "has an escape");
  refuse("\"runs\":1", "\"runs\":-1", "expected an integer from 0 to 2^53");
  refuse("\"runs\":1", "\"runs\":1,\"extra\":0", "unknown key `extra`");
  refuse("\"runs\":1,", "", "key `runs` is missing");
  refuse("\"model\":\"", "\"model\":\"zz", "not a fingerprint");
  refuse("\"name\":\"x\"", "\"name\":\"\"", "`name` is not a string");
  refuse("\"name\":\"x\"", "\"name\":\"y\"", "is there twice");
  refuse("#lowbit.minmax", "#lowbit.median", "not one that this program knows");
  refuse("#lowbit.minmax", "#lowbit.int<8>", "not one that this program knows");
  refuse("\"shape\":[2,3]", "\"shape\":[2,-3]", "not a size");
  refuse("\"shape\":[2,3]", "\"shape\":[2,4]", "not a list of 4 states");
  refuse("\"shape\":[2,3]", "\"shape\":[2,9007199254740993]", "too many indices");
  refuse("\"axes\":[1]", "\"axes\":[2]", "not distinct axes");
  refuse("\"axes\":[1]", "\"axes\":[1,1]", "not distinct axes");
  refuse("\"axes\":[1]", "\"axes\":\"1\"", "not a list of integers");
  refuse("\"states\":[[-1", "\"states\":[[NaN", "Invalid JSON value");
  refuse("\"states\":[[-1", "\"states\":[[-1e999", "not a finite f32");
  refuse("\"states\":[[-1", "\"states\":[[-1.00000000001", "not a finite f32");
  refuse("\"states\":[[-1", "\"states\":[[99", "smallest is above largest");
  refuse("\"bins\":16", "\"bins\":17", "expected 16 bins");
  refuse("\"counts\":[[", "\"counts\":[[-", "expected an integer");
  refuse("\"counts\":[[", "\"counts\":[[127,1,1],[", "overlaps another or leaves");
  refuse("\"counts\":[[", "\"counts\":[[0],[", "expected runs");
  refuse("\"counts\":[[", "\"counts\":[[0,1],[", "`range` does not lie in");
}

/// Whatever a byte is changed to, a file is refused or is one that could have been saved.
void checkMutations(MLIRContext *context) {
  std::string text = print(record(context, {-1, 3}));
  std::mt19937 random(20261123);
  bool allStable = true;
  for (int round = 0; round < 3000; ++round) {
    std::string broken = text;
    for (int edit = random() % 3; edit >= 0; --edit) {
      size_t place = random() % broken.size();
      constexpr StringLiteral kBytes = "0123456789-.,:[]{}\"e#<> \\\xff";
      switch (random() % 3) {
      case 0:
        broken[place] = kBytes[random() % kBytes.size()];
        break;
      case 1:
        broken.erase(place, 1 + random() % 20);
        break;
      default:
        broken.insert(place, broken.substr(random() % broken.size(), random() % 20));
      }
    }
    llvm::Expected<Statistics> read = Statistics::parse(broken, context);
    if (!read) {
      llvm::consumeError(read.takeError());
      continue;
    }
    llvm::Expected<Statistics> again = Statistics::parse(print(*read), context);
    allStable &= static_cast<bool>(again) && print(*again) == print(*read);
    llvm::consumeError(again.takeError());
    llvm::cantFail(read->cloneEmpty().merge(*read));
  }
  check(allStable, "what is read after mutation is written and read alike");
}

void checkRuns(MLIRContext *context) {
  auto refuse = [&](std::vector<float> values, ArrayRef<int64_t> shape, uint64_t site, StringRef reason) {
    Recorder recorder(create(context));
    recorder.observe(site, values, shape);
    run(recorder, 0);
    std::string message = llvm::toString(recorder.endRun());
    check(StringRef(message).contains(reason), "expected `" + reason + "`, got `" + message + "`");
  };
  float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  refuse({0, 1, 2, 3, nan, 5}, {2, 3}, 0, "site `x` has NaN at [1, 1] in run 0");
  refuse({0, -infinity, 2, 3, 4, 5}, {2, 3}, 0, "site `x` has infinity at [0, 1] in run 0");
  refuse({0, 1, 2, 3}, {2, 2}, 0, "another shape");
  refuse({0}, {1}, 7, "more sites than its statistics have");
}

void checkMerges(MLIRContext *context) {
  auto refuse = [&](StringRef from, StringRef to, StringRef reason) {
    std::string text = print(record(context, {-1})), edited = text;
    edited.replace(edited.find(from.str()), from.size(), to.str());
    Statistics ours = record(context, {-1});
    llvm::Expected<Statistics> theirs = Statistics::parse(edited, context);
    std::string message = theirs ? llvm::toString(ours.merge(*theirs)) : llvm::toString(theirs.takeError());
    check(StringRef(message).contains(reason), "expected `" + reason + "`, got `" + message + "`");
    check(print(ours) == text, "a refused merge changes nothing");
  };
  std::string model = print(record(context, {-1})).substr(print(record(context, {-1})).find("\"model\":\"") + 9, 64);
  refuse(model, std::string(64, 'a'), "different models");
  refuse("\"name\":\"z\"", "\"name\":\"w\"", "site `z` meets site `w`");
  refuse("#lowbit.moving_average", "#lowbit.moving_average<0.5>", "is observed by");
  refuse("\"shape\":[2,3]", "\"shape\":[5,3]", "other axes or another shape");

  OwningOpRef<ModuleOp> other = parseSourceString<ModuleOp>(R"mlir(
    func.func @f(%x: tensor<2x5xf32>) {
      lowbit.observe "x" %x : tensor<2x5xf32> with #lowbit.minmax
      return
    })mlir",
                                                            context);
  std::string message;
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  bool refused = failed(record(context, {1}).verifyModel(*other, [&] { return other->emitError(); }));
  check(refused && StringRef(message).contains("another model: they have site `y`"), "statistics of another model: " + message);
  OwningOpRef<ModuleOp> same = parseSourceString<ModuleOp>(kModel, context);
  check(succeeded(record(context, {1}).verifyModel(*same, [&] { return same->emitError(); })), "statistics of this model");
}

} // namespace
} // namespace mlir::lowbit::unittest

int main() {
  using namespace mlir::lowbit::unittest;
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect>();
  mlir::lowbit::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  checkFiles(&context);
  checkRefusals(&context);
  checkMutations(&context);
  checkRuns(&context);
  checkMerges(&context);
  return finish();
}
