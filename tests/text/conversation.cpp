// Answers as text, and chats whose turns build on each other.

#include <doctest/doctest.h>

#include <fstream>

#include <tenon/model/weights/open.hpp>
#include <tenon/text/generate.hpp>

#include "random_chat.hpp"

namespace {

const random_chat& random_one() {
  static const random_chat chat;
  return chat;
}

const auto silent = [](const std::string&) { return true; };

std::string said(const tenon::message& turn) { return turn.text; }

}  // namespace

TEST_CASE("an answer is the text of its tokens, in whole characters") {
  const auto& [folder, model, tokens] = random_one();
  const auto prompt = tokens.encode("Hello");
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const tenon::answer_options how{.temperature = 1.5f, .seed = seed, .max_tokens = 100};
    random_chat::sequence first(model, 200), second(model, 200);
    auto generation = how.of_tokens();
    generation.stop = tokens.ends();
    std::vector<std::int32_t> expected;
    for (const auto token : tenon::generate(first, prompt, generation)) expected.push_back(token);

    tenon::text_answer answer(second, tokens, prompt, how);
    std::string text, shown;
    for (const std::string& piece : answer) {
      CHECK_FALSE(piece.empty());
      text += piece;
    }
    CHECK(answer.taken() == expected);
    for (const auto token : expected)
      if (!tokens.is_control(token)) shown += tokens.piece(token);
    CHECK(text == shown);
  }
}

TEST_CASE("an answer ends before a stop text") {
  const auto& [folder, model, tokens] = random_one();
  const auto prompt = tokens.encode("Hello");
  const auto answer = [&](std::vector<std::string> stop, tenon::ending& ended) {
    random_chat::sequence sequence(model, 100);
    tenon::text_answer out(sequence, tokens, prompt, {.temperature = 1, .seed = 5, .max_tokens = 60, .stop = std::move(stop)});
    std::string text;
    for (const std::string& piece : out) text += piece;
    ended = out.ended();
    return text;
  };
  tenon::ending ended;
  const std::string whole = answer({}, ended);
  REQUIRE(whole.size() > 20);
  const std::string stop = whole.substr(10, 5);
  CHECK(answer({"not in it at all", stop}, ended) == whole.substr(0, whole.find(stop)));
  CHECK(ended == tenon::ending::stop_token);
  CHECK(answer({whole.substr(whole.size() - 3) + "and more"}, ended) == whole);  // what was held back comes at the end
}

TEST_CASE("a conversation that goes on answers as one that starts with the same turns") {
  const auto& random = random_one();
  const tenon::answer_options how{.max_tokens = 12};
  auto chat = random.open(400, "Be brief.");
  chat.ask("Hello", how, silent);
  const auto read = chat.pace().prompt_tokens;
  chat.ask("And then?", how, silent);
  REQUIRE(chat.turns().size() == 5);
  CHECK(chat.pace().prompt_tokens - read < read + 30);  // the first turns were not read again

  std::vector<tenon::message> turns(chat.turns().begin(), chat.turns().end() - 1);
  const auto prompt = tenon::encode_chat(random.tokens, tenon::chat_template(chatml).render(turns));
  random_chat::sequence fresh(random.model, 400);
  tenon::text_answer answer(fresh, random.tokens, prompt, how);
  std::string text;
  for (const std::string& piece : answer) text += piece;
  CHECK(text == said(chat.turns().back()));
}

TEST_CASE("an answer may be ended, and the conversation goes on") {
  auto chat = random_one().open(4000);
  int pieces = 0;
  CHECK(chat.ask("Hello", {.temperature = 1, .seed = 3}, [&](const std::string&) { return ++pieces < 3; }) == tenon::ending::running);
  CHECK(pieces == 3);
  CHECK(chat.turns().size() == 2);
  CHECK(chat.pace().answer_tokens < 20);
  CHECK(chat.ask("Go on", {.max_tokens = 3}, silent) == tenon::ending::max_tokens);
  CHECK(chat.turns().size() == 4);
  // A long prompt can be ended while it is read.
  CHECK(chat.ask(std::string(1500, '.'), {}, [](const std::string&) { return false; }) == tenon::ending::running);
  CHECK(said(chat.turns().back()).empty());
}

TEST_CASE("what does not fit is refused and forgotten; a full cache ends the answer") {
  auto chat = random_one().open(60);
  CHECK_THROWS_WITH_AS(chat.ask("", {}, silent), doctest::Contains("empty"), tenon::error);
  CHECK_THROWS_WITH_AS(chat.ask(std::string(300, 'x'), {}, silent), doctest::Contains("room for 60"), tenon::error);
  CHECK(chat.turns().empty());
  CHECK(chat.ask("Hi", {.temperature = 1, .seed = 1, .stop = {"never said"}}, silent) == tenon::ending::full_cache);
  CHECK_THROWS_AS(chat.ask("More", {}, silent), tenon::error);
}

TEST_CASE("without a template the text goes on as it is, control tokens parsed") {
  const auto& random = random_one();
  tenon::conversation chat(random.model, random.tokens, std::nullopt, 200);
  chat.ask("a<|im_end|>b", {.max_tokens = 4}, silent);
  CHECK(chat.pace().prompt_tokens == 3);
}

TEST_CASE("one call answers with what the file brings, GGUF or folder") {
  const auto& random = random_one();
  std::string raw;
  for (const std::string& piece : tenon::generate(random.model, "Hello", {.max_tokens = 10})) raw += piece;

  tenon_test::temporary_folder place;
  const std::string folder = place / "published";
  random_chat::make().write_folder(folder);
  const auto model = tenon::load<random_chat::decoder>(tenon::open_weights(folder), tenon::cpu({.threads = 1}));
  std::string same;
  for (const std::string& piece : tenon::generate(model, "Hello", {.max_tokens = 10})) same += piece;
  CHECK(same == raw);
}

TEST_CASE("a folder's vocabulary: the same tokens, and what the other files add") {
  const auto& random = random_one();
  tenon_test::temporary_folder place;
  random_chat::make().write_folder(place / "m");
  const auto bare = tenon::read_tokenizer_folder(place / "m");
  CHECK(bare.ends == std::vector<std::int32_t>{0, 2});  // known by their text
  CHECK(bare.chat_template.empty());
  const tenon::tokenizer tokens(bare);
  for (const char* text : {"Hello, and the sting 123", "\xF0\x9F\x91\x8D\xFF <|im_end|>"}) CHECK(tokens.encode(text, tenon::controls::parsed) == random.tokens.encode(text, tenon::controls::parsed));

  const auto write = [&](const char* name, const char* text) { std::ofstream(place / (std::string("m/") + name)) << text; };
  write("tokenizer_config.json", R"({"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"}, "add_bos_token": true, "chat_template": [{"name": "x", "template": "no"}, {"name": "default", "template": "yes"}]})");
  write("generation_config.json", R"({"eos_token_id": [2, 0]})");
  auto whole = tenon::read_tokenizer_folder(place / "m");
  CHECK(whole.bos == 1);
  CHECK(whole.add_bos);
  CHECK(whole.ends == std::vector<std::int32_t>{2, 0});
  CHECK(whole.chat_template == "yes");
  write("chat_template.jinja", "own file");
  CHECK(tenon::read_tokenizer_folder(place / "m").chat_template == "own file");
  write("tokenizer_config.json", "{");
  CHECK_THROWS_WITH_AS(tenon::read_tokenizer_folder(place / "m"), doctest::Contains("tokenizer_config.json"), tenon::error);
  CHECK_THROWS_WITH_AS(tenon::read_tokenizer_folder(place / "nowhere"), doctest::Contains("no tokenizer.json"), tenon::error);
}
