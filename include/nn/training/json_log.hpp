// The log for machines: one JSON object a line, each with its "event": run, batch, epoch or end.
#pragma once

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/files/atomic_file.hpp"
#include "nn/files/json.hpp"

namespace nn {

class JsonLog {
 public:
  // Empty path: nothing is kept or written. Throws Error if the path cannot be written.
  explicit JsonLog(std::string path = "") : path_(std::move(path)) {
    if (!path_.empty()) check_writable(path_);
  }

  // A line more, in memory.
  void add(const char* event, const nlohmann::ordered_json& what) {
    if (path_.empty()) return;
    nlohmann::ordered_json line = {{"event", event}};
    line.update(what);
    text_ += json_text(line) + "\n";
  }

  // The file then holds all lines so far. Throws Error if it cannot be written.
  void save() const {
    if (!path_.empty()) write_atomically(path_, text_);
  }

  // All lines so far: a resumed run begins with those of its checkpoint.
  const std::string& text() const { return text_; }
  void set_text(std::string text) { text_ = std::move(text); }

 private:
  std::string path_, text_;
};

}  // namespace nn
