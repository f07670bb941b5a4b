//===- Passes.td - what quantization has done, said -----------------------===//

#ifndef LOWBIT_REPORT_PASSES_TD
#define LOWBIT_REPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ReportPass : Pass<"lowbit-report", "::mlir::ModuleOp"> {
  let summary = "Write what quantization has done to each site, as JSON";
  let description = [{
    Changes nothing. A row a site: its schemes, bytes of its constants before and after, multiply-accumulates by width, the signal to quantization
    noise of its weight, what each algorithm has done to it or why nothing, and, where it stays float, the reason. With `stats`, the range and the histogram of its activation.
    `lowbit report` makes a page of it.

    ```text
    %r = lowbit.contract … {lowbit.site = "fc"}
    // ==>  a row {"site":"fc","kind":"contract","operands":{"lhs":"…"},"bytes":{"float":256,"quantized":76},"macs":{"8x8":256}, …}
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", /*default=*/"\"-\"", "The file to write; `-` is standard output">,
    Option<"stats", "stats", "std::string", /*default=*/"", "A file of statistics, for ranges and histograms">,
  ];
}

#endif
