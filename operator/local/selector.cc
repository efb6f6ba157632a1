#include "operator/local/selector.h"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At commas outside parentheses.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> terms;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      if (const auto term = trim(text.substr(start, i - start)); !term.empty()) terms.push_back(term);
      start = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return terms;
}

std::string pointer_of(std::string_view field) {
  std::string pointer = "/";
  for (const char c : field) pointer += c == '.' ? '/' : c;
  return pointer;
}

}  // namespace

base::Result<Selector::Term> Selector::parse_term(std::string_view text) {
  if (text.starts_with("!")) return Term{std::string(trim(text.substr(1))), Operator::kAbsent, {}};
  for (const auto& [word, op] : {std::pair{" notin ", Operator::kNotIn}, std::pair{" in ", Operator::kIn}}) {
    const std::size_t at = text.find(word);
    if (at == std::string_view::npos) continue;
    std::string_view list = trim(text.substr(at + std::string_view(word).size()));
    if (!list.starts_with("(") || !list.ends_with(")"))
      return base::fail(base::Errc::kInvalidArgument, fmt::format("selector \"{}\": expected (a, b)", text));
    list = list.substr(1, list.size() - 2);
    Term term{std::string(trim(text.substr(0, at))), op, {}};
    for (const std::string_view value : split_terms(list)) term.values.emplace_back(value);
    return term;
  }
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return Term{std::string(text), Operator::kExists, {}};
  const bool is_negated = equals > 0 && text[equals - 1] == '!';
  std::string_view value = text.substr(equals + 1);
  if (value.starts_with("=")) value.remove_prefix(1);
  const std::string_view name = trim(text.substr(0, is_negated ? equals - 1 : equals));
  if (name.empty())
    return base::fail(base::Errc::kInvalidArgument, fmt::format("selector \"{}\" names nothing", text));
  return Term{std::string(name), is_negated ? Operator::kNotIn : Operator::kIn, {std::string(trim(value))}};
}

base::Result<Selector> Selector::parse(std::string_view labels, std::string_view fields) {
  Selector selector;
  for (const std::string_view text : split_terms(labels)) {
    TRY_ASSIGN(Term term, parse_term(text));
    selector.labels_.push_back(std::move(term));
  }
  for (const std::string_view text : split_terms(fields)) {
    TRY_ASSIGN(Term term, parse_term(text));
    selector.fields_.push_back(std::move(term));
  }
  return selector;
}

Selector Selector::of_labels(const Json& match_labels) {
  Selector selector;
  if (match_labels.is_object())
    for (const auto& [name, value] : match_labels.items())
      selector.labels_.push_back({name, Operator::kIn, {value.is_string() ? value.get<std::string>() : ""}});
  return selector;
}

bool Selector::holds(const Term& term, const Json& value) {
  const bool is_there = value.is_string();
  switch (term.op) {
    case Operator::kExists:
      return is_there;
    case Operator::kAbsent:
      return !is_there;
    case Operator::kIn:
    case Operator::kNotIn: {
      const std::string text = is_there ? value.get<std::string>() : std::string();
      const bool is_in = std::find(term.values.begin(), term.values.end(), text) != term.values.end();
      return term.op == Operator::kIn ? is_in && is_there : !is_in;
    }
  }
  return false;
}

bool Selector::matches(const Json& object) const {
  const Json nothing;
  const Json& labels = value_at(object, "/metadata/labels");
  for (const Term& term : labels_) {
    const bool is_there = labels.is_object() && labels.contains(term.name);
    if (!holds(term, is_there ? labels[term.name] : nothing)) return false;
  }
  return std::all_of(fields_.begin(), fields_.end(), [&](const Term& term) {
    const Json& value = value_at(object, pointer_of(term.name));
    // An absent field equals the empty text, as in an API server.
    return holds(term, value.is_null() ? Json("") : value);
  });
}

}  // namespace penstock::local
