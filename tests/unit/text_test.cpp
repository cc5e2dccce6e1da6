#include "nn/core/text.hpp"

#include "catch.hpp"

using namespace nn;

TEST_CASE("UTF-8 is told from other bytes") {
  for (const char* text :
       {"", "a", "caf\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    INFO(one_line(text));
    CHECK(is_utf8(text));
  }
  const char* others[] = {
      "\xff",              // no lead byte
      "a\x80",             // nothing that it continues
      "\xc3",              // cut short
      "\xe2\x82",          // cut short
      "\xc3(",             // not continued
      "\xc0\xaf",          // longer than needed
      "\xe0\x9f\xbf",      // longer than needed
      "\xf0\x8f\xbf\xbf",  // longer than needed
      "\xed\xa0\x80",      // a surrogate
      "\xf4\x90\x80\x80",  // beyond U+10FFFF
  };
  for (const char* text : others) CHECK_FALSE(is_utf8(text));
}

TEST_CASE("control characters are written out") {
  CHECK(one_line("no\nsuch\t\x1b[2J\x7f.png") == "no\\x0asuch\\x09\\x1b[2J\\x7f.png");
  CHECK(one_line("caf\xc3\xa9 \xff") == "caf\xc3\xa9 \xff");
}

TEST_CASE("long texts are shortened between two letters") {
  CHECK(shortened(std::string(60, 'a')) == std::string(60, 'a'));
  CHECK(shortened(std::string(61, 'a')) == std::string(57, 'a').append("..."));
  const std::string before(56, 'a');
  CHECK(shortened(before + "\xc3\xa9\xc3\xa9\xc3\xa9") == before + "...");
}
