/** RFC 1035 section 4.1.1. */
const HEADER_BYTES = 12;
/** Where the header has the numbers of questions, answers, authorities and additional records. */
const COUNTS_AT = [4, 6, 8, 10];
/** What follows a question's name, and a record's up to its data (RFC 1035 sections 4.1.2 and 4.1.3). */
const QUESTION_REST_BYTES = 4;
const RECORD_REST_BYTES = 10;

/** Reserved (RFC 6895 section 3.1): multicast-dns takes the data of such a record as bytes, whatever they are. */
const HIDDEN_TYPE = 0xffff;
const TXT_TYPE = 16;
/** Kinds whose data have one size. */
const SIZES = new Map([
  [1, 4], // A
  [28, 16], // AAAA
]);
/** Kinds whose data have a name, and where. */
const NAMES_AT = new Map([
  [12, 0], // PTR
  [33, 6], // SRV
]);

/**
 * Labels and pointers in all names of a packet, those that are shared counted each time: a packet of 128 entries has
 * some 16 for each, where names of services take 4 to 8, and those of reverse look-ups 34. Names that all lead through
 * one long chain of pointers or labels would else make hundreds of thousands of steps of one packet.
 */
const NAME_STEPS_LIMIT = 2048;

/** How many questions and records a packet's header promises; the packet has a header. */
export function countEntries(packet: Buffer): number {
  return COUNTS_AT.reduce((sum, offset) => sum + packet.readUInt16BE(offset), 0);
}

/**
 * Bounds the work that multicast-dns has with a packet: its names are short (see NAME_STEPS_LIMIT), and all records
 * but PTR, SRV, TXT, A and AAAA, which are those of service discovery (RFC 6763), get a type that is not looked into.
 * The packet is changed. The time that this takes itself is bounded by the same limit and the number of entries.
 * @returns false for a packet that is not worth reading: it breaks off, has wrong pointers or too much in its names
 */
export function leavePlainRecords(packet: Buffer): boolean {
  if (packet.length < HEADER_BYTES) return false;
  const questions = packet.readUInt16BE(COUNTS_AT[0] ?? 0);
  const records = countEntries(packet) - questions;
  const names = new Names(packet);
  let at = HEADER_BYTES;
  for (let i = 0; i < questions; i++) {
    const end = names.read(at);
    if (end === undefined) return false;
    at = end + QUESTION_REST_BYTES;
  }
  for (let i = 0; i < records; i++) {
    const end = names.read(at);
    if (end === undefined || end + RECORD_REST_BYTES > packet.length) return false;
    const type = packet.readUInt16BE(end);
    const sizeBytes = packet.readUInt16BE(end + RECORD_REST_BYTES - 2);
    const data = end + RECORD_REST_BYTES;
    at = data + sizeBytes;
    const nameAt = NAMES_AT.get(type);
    if (nameAt !== undefined) {
      if (names.read(data + nameAt) === undefined) return false;
    } else if (SIZES.has(type)) {
      if (SIZES.get(type) !== sizeBytes) return false;
    } else if (type !== TXT_TYPE) {
      packet.writeUInt16BE(HIDDEN_TYPE, end);
    }
  }
  return at <= packet.length;
}

/** The names of one packet, with the steps that remain for them. */
class Names {
  readonly #packet: Buffer;
  #steps = NAME_STEPS_LIMIT;

  constructor(packet: Buffer) {
    this.#packet = packet;
  }

  /**
   * Goes through the name at an offset as RFC 1035 section 4.1.4 describes it.
   * @returns the offset behind it, or undefined when it cannot be read or there are no steps left
   */
  read(start: number): number | undefined {
    let at = start;
    let earliest = start;
    let end: number | undefined;
    for (; this.#steps > 0; this.#steps--) {
      const byte = this.#packet[at];
      if (byte === undefined) return undefined;
      if (byte === 0) return end ?? at + 1;
      if (byte < 0x40) {
        at += 1 + byte;
        continue;
      }
      if (byte < 0xc0 || at + 2 > this.#packet.length) return undefined;
      end ??= at + 2;
      at = this.#packet.readUInt16BE(at) - 0xc000;
      // Backwards only: what is pointed to has been said before, and no name goes round.
      if (at >= earliest) return undefined;
      earliest = at;
    }
    return undefined;
  }
}
