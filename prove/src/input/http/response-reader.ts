/** One HTTP/1.1 response as it came over the wire. */
export interface WireResponse {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: Buffer;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * Responses out of a stream of bytes, strictly: a status line, headers, and a body of exactly Content-Length bytes. It throws
 * at the first byte that is no such thing, which is how a response that was split or mixed up with another is seen.
 */
export class ResponseReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): WireResponse[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const responses: WireResponse[] = [];
    for (let response = this.#take(); response !== undefined; response = this.#take()) responses.push(response);
    return responses;
  }

  /** Bytes of a response that has not ended. */
  get restBytes(): number {
    return this.#rest.length;
  }

  #take(): WireResponse | undefined {
    const end = this.#rest.indexOf(END_OF_HEAD);
    if (end === -1) return undefined;
    const head = this.#rest.toString('latin1', 0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    if (status === 0) throw new Error(`This is no response: ${JSON.stringify(head.slice(0, 200))}`);
    const length = lengthOf(head, status);
    const start = end + END_OF_HEAD.length;
    if (this.#rest.length < start + length) return undefined;
    const body = this.#rest.subarray(start, start + length);
    this.#rest = this.#rest.subarray(start + length);
    return { status, head, body };
  }
}

function lengthOf(head: string, status: number): number {
  if (status < 200 || status === 204 || status === 304) return 0;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`This response has no Content-Length: ${JSON.stringify(head)}`);
  return Number(length);
}
