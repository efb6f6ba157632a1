// Label and field selectors, as the query of a list carries them and as objects hold them.
//
// Threads: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/local/object.h"

namespace penstock::local {

class Selector {
 public:
  // "a=b,c!=d,e in (f,g),h notin (i),j,!k" and "metadata.name=x,status.phase!=y".
  // ERRORS: kInvalidArgument naming the term.
  static base::Result<Selector> parse(std::string_view labels, std::string_view fields);
  // matchLabels only, as StatefulSets and Services of ours have.
  static Selector of_labels(const Json& match_labels);

  bool matches(const Json& object) const;
  bool is_empty() const { return labels_.empty() && fields_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kAbsent };
  struct Term {
    std::string name;
    Operator op;
    std::vector<std::string> values;
  };
  static base::Result<Term> parse_term(std::string_view text);
  static bool holds(const Term& term, const Json& value);

  std::vector<Term> labels_;
  std::vector<Term> fields_;
};

}  // namespace penstock::local
