//===- Native.cpp - models and statistics for Python ----------------------===//

#include "Native.h"
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

using namespace mlir::lowbit;

namespace lowbit_python {

void raise(llvm::Error error) {
  std::string message, location;
  llvm::handleAllErrors(
      std::move(error),
      [&](const CompileError &failure) {
        message = failure.message();
        location = failure.getLocation();
      },
      [&](const llvm::ErrorInfoBase &failure) { message = failure.message(); });
  nb::object type = nb::module_::import_("lowbit.errors").attr("Error");
  nb::object exception = type(message, location);
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw nb::python_error();
}

static void bindModel(nb::module_ &module) {
  nb::class_<Model>(module, "Model", "A module of the compiler; never changes.")
      .def_static(
          "load", [](const std::string &path) { return take(withoutLock([&] { return Model::load(path); })); }, nb::arg("path"))
      .def_static(
          "parse",
          [](const std::string &text, const std::string &name, const std::string &constants) {
            return take(withoutLock([&] { return Model::parse(text, name, constants); }));
          },
          nb::arg("text"), nb::arg("name"), nb::arg("constants_path") = "")
      .def(
          "entry", [](const Model &model, const std::string &name) { return take(withoutLock([&] { return model.getEntry(name); })); },
          nb::arg("name"))
      .def(
          "quantize",
          [](const Model &model, const std::string &recipe, const std::string &statistics) {
            return take(withoutLock([&] { return model.quantize(recipe, statistics); }));
          },
          nb::arg("recipe"), nb::arg("statistics_path"))
      .def(
          "transform",
          [](const Model &model, const std::string &pipeline) { return take(withoutLock([&] { return model.transform(pipeline); })); },
          nb::arg("pipeline"))
      .def(
          "compile",
          [](const Model &model, const std::string &target, unsigned threads, const std::string &entry) {
            return take(withoutLock([&] { return model.compile(target, threads, entry); }));
          },
          nb::arg("target"), nb::arg("threads"), nb::arg("entry"))
      .def(
          "compile_to_file",
          [](const Model &model, const std::string &target, unsigned threads, const std::string &output, const std::string &header) {
            check(withoutLock([&] { return model.compileToFile(target, threads, output, header); }));
          },
          nb::arg("target"), nb::arg("threads"), nb::arg("output_path"), nb::arg("header_path"))
      .def(
          "calibrate",
          [](const Model &model, std::string observer, std::string axes, std::vector<std::string> sites, std::vector<std::string> moments,
             std::string mask, std::string recipe, std::string entry, unsigned threads) {
            CalibrationRequest request{std::move(observer), std::move(axes),   std::move(sites), std::move(moments),
                                       std::move(mask),     std::move(recipe), std::move(entry), threads};
            return take(withoutLock([&] { return model.calibrate(request); }));
          },
          nb::arg("observer"), nb::arg("axes"), nb::arg("sites"), nb::arg("moments"), nb::arg("mask"), nb::arg("recipe"), nb::arg("entry"),
          nb::arg("threads"))
      .def(
          "save",
          [](const Model &model, const std::string &path, bool text) { check(withoutLock([&] { return model.save(path, text); })); },
          nb::arg("path"), nb::arg("text"))
      .def(
          "print", [](const Model &model, bool brief) { return withoutLock([&] { return model.print(brief); }); }, nb::arg("brief"))
      .def_prop_ro("nbytes", [](const Model &model) { return withoutLock([&] { return model.getNumBytes(); }); })
      .def("describe_sites", [](const Model &model) { return take(withoutLock([&] { return model.describeSites(); })); })
      .def(
          "report",
          [](const Model &model, const ModelStatistics *statistics) { return take(withoutLock([&] { return model.report(statistics); })); },
          nb::arg("statistics").none())
      .def(
          "list_launches",
          [](const Model &model, const std::string &target) { return take(withoutLock([&] { return model.listLaunches(target); })); },
          nb::arg("target"));
}

static void bindStatistics(nb::module_ &module) {
  nb::class_<ModelStatistics>(module, "Statistics", "What calibration has learned about a model.")
      .def_static(
          "load", [](const std::string &path) { return take(ModelStatistics::load(path)); }, nb::arg("path"))
      .def(
          "save", [](const ModelStatistics &statistics, const std::string &path) { check(statistics.save(path)); }, nb::arg("path"))
      .def("text", &ModelStatistics::getText)
      .def_prop_ro("runs", &ModelStatistics::getRuns)
      .def_prop_ro("sites", &ModelStatistics::getSites)
      .def(
          "merge", [](ModelStatistics &statistics, const ModelStatistics &other) { check(statistics.merge(other)); }, nb::arg("other"))
      .def(
          "merged",
          [](const ModelStatistics &left, const ModelStatistics &right) {
            ModelStatistics sum = take(left.clone());
            check(sum.merge(right));
            return sum;
          },
          nb::arg("other"));
}

} // namespace lowbit_python

NB_MODULE(_native, module) {
  module.doc() = "The compiler. Use the package `lowbit`; this module may change with any version.";
  module.attr("CALIBRATION_SHARD") = ModelStatistics::kShard;
  lowbit_python::bindPrograms(module);
  lowbit_python::bindModel(module);
  lowbit_python::bindStatistics(module);
}
