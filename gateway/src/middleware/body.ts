import type { IncomingMessage } from 'node:http';
import { parseJson } from '../json.ts';
import { RequestError } from '../request-error.ts';

export const bodyBytesMax = 16 * 1024;

/** The JSON body, or a RequestError: 415 before a byte is read, 413 as soon as the limit is passed, 400 for what is not JSON. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  checkMediaType(request.headers);
  return parseJson(await readBytes(request));
}

function checkMediaType(headers: IncomingMessage['headers']): void {
  if (headers['content-encoding'] !== undefined)
    throw new RequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  const contentType = headers['content-type'];
  if (contentType === 'application/json') return;
  if (contentType === undefined || !isJsonInUtf8(contentType))
    throw new RequestError('UNSUPPORTED_MEDIA_TYPE', 'Send application/json, in UTF-8.', {
      headers: { 'Accept-Post': 'application/json' },
    });
}

function isJsonInUtf8(contentType: string): boolean {
  const [mediaType = '', ...parameters] = contentType.toLowerCase().split(';');
  return (
    mediaType.trim() === 'application/json' &&
    parameters.every((parameter) => {
      const [name = '', value = ''] = parameter.split('=');
      return name.trim() !== 'charset' || /^"?utf-8"?$/.test(value.trim());
    })
  );
}

async function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  const tooLarge = (): RequestError => new RequestError('BODY_TOO_LARGE', `A body has at most ${bodyBytesMax} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Events and not `for await`, which would destroy the socket when it stops early: the client could not read the 413.
  // What is left of a refused body is thrown away by Node after the answer, within the server's requestTimeout.
  return await new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bodyBytesMax) {
        request.off('data', onData);
        reject(tooLarge());
      } else chunks.push(chunk);
    };
    // Nobody is there to read the answer; the error only ends the work. It is made when needed: its stack costs 15 us (profiled).
    const onClose = (): void => reject(new RequestError('MALFORMED_REQUEST', 'The connection ended within the body.'));
    request.on('data', onData);
    request.once('end', () => {
      request.off('close', onClose);
      // It came a moment after its 408, which says that nothing is done.
      if (request.socket.writableEnded) return onClose();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    request.once('close', onClose);
    request.once('error', onClose);
  });
}
