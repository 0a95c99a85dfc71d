/** How a question ended, in a DNS header (RFC 1035, 4.1.1); what is larger than 15 needs EDNS. */
export const rcode = {
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** A header, and the shortest question behind it. */
const [headerBytes, leastQuestion] = [12, 5];
/** A question is short; what is longer, in bytes, isn't one. */
export const mostQuestion = 4096;

/** True for what may be a question: one, by opcode QUERY. An answer that comes as a question would go round for ever. */
export function isQuestion(bytes: Buffer): boolean {
  if (bytes.length < headerBytes + leastQuestion || bytes.length > mostQuestion) return false;
  return ((bytes[2] ?? 0) & 0xf8) === 0 && bytes.readUInt16BE(4) === 1 && bytes.readUInt16BE(6) === 0;
}

/** True for an answer to the question of this id. */
export function isAnswer(bytes: Buffer, id: number): boolean {
  return bytes.length >= headerBytes && bytes.readUInt16BE(0) === id && ((bytes[2] ?? 0) & 0x80) !== 0;
}

/** What an answer says of how it went. */
export function rcodeOf(answer: Buffer): number {
  return (answer[3] ?? 0) & 0x0f;
}

/** The id by which who asked knows the answer. */
export function idOf(message: Buffer): number {
  return message.readUInt16BE(0);
}

/** The same message under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** The answer that nothing came of a question, which it repeats. */
export function failure(question: Buffer, code: number): Buffer {
  const answer = Buffer.from(question);
  // It is an answer, and recursion would be available.
  answer[2] = (answer[2] ?? 0) | 0x80;
  answer[3] = 0x80 | code;
  return answer;
}
