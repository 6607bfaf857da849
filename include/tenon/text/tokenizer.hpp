#pragma once
// Text to tokens and back: byte-level byte pair encoding, token for token as the published tokenizers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/text/added_tokens.hpp>
#include <tenon/text/byte_level.hpp>
#include <tenon/text/merges.hpp>
#include <tenon/text/normal_form.hpp>
#include <tenon/text/pre_tokenizer.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

/// What becomes of the text of a control token, such as <|im_end|>, inside a text.
enum class controls {
  as_text,  ///< it is ordinary text: what a user or a document says can never end a turn
  parsed,   ///< it becomes that token: for templates and raw prompts
};

/// Immutable; may be used from several threads at once.
class tokenizer {
 public:
  /// Throws tenon::error where `from` contradicts itself or needs rules that tenon does not have.
  explicit tokenizer(const vocabulary& from) : form_(from.form), merging_(from.merged), words_(find_style(from.style)) {
    if (from.pieces.empty() || from.pieces.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw error("the vocabulary has ", from.pieces.size(), " pieces. Fix: a file with a tokenizer of 1 to 2^31 - 1 pieces.");
    const auto check = [&](std::int32_t token, const char* role) {
      if (token < 0 || static_cast<std::size_t>(token) >= from.pieces.size())
        throw error("the file names token ", token, " as ", role, "; its vocabulary has ", from.pieces.size(), ". Fix: a file whose parts belong together.");
    };
    for (const auto& added : from.added) check(added.token, "an added one");
    for (const auto token : from.ends) check(token, "the last of a text");
    if (from.bos >= 0) check(from.bos, "the first of a text");
    if (from.unknown >= 0) check(from.unknown, "the unknown one");
    read_pieces(from);
    read_merges(from);
    bos_ = from.bos;
    adds_bos_ = from.add_bos && bos_ >= 0;
    ends_ = from.ends;
  }

  /// The tokens of `text`, without bos. A byte that the vocabulary has no token for is dropped or unknown, as in the published
  /// library: see lossless(). Throws tenon::error for a text of 2 GiB or more.
  std::vector<std::int32_t> encode(std::string_view text, controls how = controls::as_text) const {
    if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 4))
      throw error("a text of ", text.size(), " bytes is too long to encode at once. Fix: encode it in parts of at most 512 MiB.");
    std::vector<std::int32_t> out;
    out.reserve(text.size() / 3 + 1);
    merge_table::workspace work;
    const auto wanted = [&](std::int32_t token) { return how == controls::parsed || !is_control(token); };
    const auto found = [&](std::int32_t token) { out.push_back(token); };
    const auto plain = [&](std::string_view part) { words_.each_word(part, [&](std::string_view word) { append_word(word, work, out); }); };
    exact_.split(text, wanted, [&](std::string_view part) {
      if (form_ == normal_form::nfc)
        normalized_.split(to_nfc(part), wanted, plain, found);
      else
        normalized_.split(part, wanted, plain, found);
    }, found);
    return out;
  }

  /// The bytes of `tokens`, joined: what was encoded, but for normalisation. Throws tenon::error for a token outside the vocabulary.
  std::string decode(std::span<const std::int32_t> tokens) const {
    std::string out;
    for (const auto token : tokens) out += piece(token);
    return out;
  }

  /// The bytes of one token; they need not be whole characters (see text_stream). Valid as long as this. Faults as decode.
  std::string_view piece(std::int32_t token) const {
    if (token < 0 || token >= size()) throw error("token ", token, " is outside the vocabulary of ", size(), " tokens. Fix: a tokenizer and a model of one file.");
    return pieces_[static_cast<std::size_t>(token)];
  }
  /// The control or added token with this text, or -1.
  std::int32_t find(std::string_view text) const {
    for (const auto* kind : {&exact_, &normalized_})
      if (const auto token = kind->find(text); token >= 0) return token;
    return -1;
  }

  std::int32_t size() const { return static_cast<std::int32_t>(pieces_.size()); }
  /// The token that begins a text, or -1.
  std::int32_t bos() const { return bos_; }
  /// Whether the model expects bos before every text.
  bool adds_bos() const { return adds_bos_; }
  /// Tokens after which a model has finished its answer.
  const std::vector<std::int32_t>& ends() const { return ends_; }
  /// Whether a model that chose `token` has finished its answer.
  bool is_end(std::int32_t token) const { return std::find(ends_.begin(), ends_.end(), token) != ends_.end(); }
  bool is_control(std::int32_t token) const { return token >= 0 && token < size() && control_[static_cast<std::size_t>(token)]; }
  /// Whether each of the 256 bytes has a token of its own. Published vocabularies may lack bytes (SmolLM2 has none for U+0004).
  bool lossless() const {
    for (std::size_t b = 0; b < 256; ++b)
      if (!merged_.contains(std::string(1, static_cast<char>(b)))) return false;
    return true;
  }

 private:
  void read_pieces(const vocabulary& from) {
    // The bytes of every piece and added text, once, in one block of memory.
    std::size_t total = 1;
    for (const auto& piece : from.pieces) total += piece.size();
    for (const auto& added : from.added) total += added.text.size();
    text_ = std::make_unique<char[]>(total);
    auto keep = [end = text_.get()](std::string_view bytes) mutable {
      const std::string_view kept(end, bytes.size());
      end = std::copy(bytes.begin(), bytes.end(), end);
      return kept;
    };
    merged_.reserve(from.pieces.size());
    byte_tokens_.fill(from.unknown);
    for (std::size_t i = 0; i < from.pieces.size(); ++i) {
      const auto bytes = from_byte_level(from.pieces[i]);
      pieces_.push_back(keep(bytes ? *bytes : from.pieces[i]));
      if (!bytes || bytes->empty()) continue;  // no merging makes it
      const auto token = static_cast<std::int32_t>(i);
      if (!merged_.emplace(pieces_[i], token).second)
        throw error("the vocabulary has the piece '", from.pieces[i], "' twice, the second time as token ", i, ". Fix: a file whose pieces differ.");
      if (bytes->size() == 1) byte_tokens_[static_cast<unsigned char>(pieces_[i][0])] = token;
    }
    control_.resize(pieces_.size());
    for (const auto& added : from.added) {
      const auto at = static_cast<std::size_t>(added.token);
      pieces_[at] = keep(added.text);
      control_[at] = added.control;
      (added.normalized ? normalized_ : exact_).insert(pieces_[at], added.token);
    }
  }

  void read_merges(const vocabulary& from) {
    if (from.merges.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw error("the vocabulary has ", from.merges.size(), " merges. Fix: a file with fewer than 2^31.");
    merges_ = merge_table(from.merges.size());
    const auto token_of = [&](const std::string& piece, std::size_t rank) {
      const auto bytes = from_byte_level(piece);
      const auto it = bytes ? merged_.find(*bytes) : merged_.end();
      if (it == merged_.end()) throw error("merge ", rank, " of the vocabulary needs the piece '", piece, "', which it does not have. Fix: a whole file.");
      return it->second;
    };
    for (std::size_t rank = 0; rank < from.merges.size(); ++rank) {
      const auto& [left, right] = from.merges[rank];
      merges_.insert(token_of(left, rank), token_of(right, rank), {static_cast<std::int32_t>(rank), token_of(left + right, rank)});
    }
  }

  void append_word(std::string_view word, merge_table::workspace& work, std::vector<std::int32_t>& out) const {
    if (merging_ == merging::unless_whole)
      if (const auto it = merged_.find(word); it != merged_.end()) return out.push_back(it->second);
    work.symbols.clear();
    for (const char c : word)
      if (const auto token = byte_tokens_[static_cast<unsigned char>(c)]; token >= 0) work.symbols.push_back({token, -1, -1});
    merges_.apply(work, out);
  }

  normal_form form_;
  merging merging_;
  pre_tokenizer words_;
  std::unique_ptr<char[]> text_;  // the bytes of all pieces; what follows points into it and survives a move
  std::vector<std::string_view> pieces_;
  std::vector<bool> control_;
  std::unordered_map<std::string_view, std::int32_t> merged_;  // bytes that merging makes, to their token
  std::array<std::int32_t, 256> byte_tokens_;
  merge_table merges_;
  added_tokens exact_, normalized_;
  std::int32_t bos_ = -1;
  bool adds_bos_ = false;
  std::vector<std::int32_t> ends_;
};

}  // namespace tenon
