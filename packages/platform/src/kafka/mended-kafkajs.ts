import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

// What is wrong in kafkajs 2.2.4, whose last release is of 2023, is mended here for every client of the process that imports this.
const require = createRequire(import.meta.url);

/** kafkajs's own queue of the requests of one connection, as far as it is mended here. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

// It looks after waiting requests by a timer that it always sets again, with a negative time where none waits, which Node takes
// for 1 ms: a thousand looks a second on each connection, for ever. An idle service used 4 % of a core so.
const { prototype: requestQueue } = require('kafkajs/src/network/requestQueue') as {
  prototype: RequestQueue;
};
const schedule = Reflect.get<object, string>(requestQueue, 'scheduleCheckPendingRequests') as (
  this: RequestQueue,
) => void;
requestQueue.scheduleCheckPendingRequests = function () {
  if (this.pending.length > 0) schedule.call(this);
};

/** kafkajs's own connection, as far as it is mended here. */
interface Connection {
  readonly socket: Socket | null;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<true>;
}

const sizeBytes = 4;
const connecting = new WeakMap<Connection, Promise<true>>();

// It keeps what it had of an answer when its socket broke, and reads what the next one brings behind that: sizes that are none,
// so that it ends the process or waits for ever. (Found by an hour of faults: a RangeError where a size is read.) And it keeps
// listening to the old socket: when that one fails at last, minutes later, it ends the new one with all that waits on it. Two that
// connect at the same time leave such a socket, too.
const { prototype: connection } = require('kafkajs/src/network/connection') as { prototype: Connection };
const connect = Reflect.get<object, string>(connection, 'connect') as (this: Connection) => Promise<true>;
connection.connect = async function () {
  if (this.isConnected()) return true;
  const underWay = connecting.get(this);
  if (underWay !== undefined) return await underWay;
  this.socket?.removeAllListeners().on('error', () => {});
  this.socket?.destroy();
  this.chunks = [];
  this.bytesBuffered = 0;
  this.bytesNeeded = sizeBytes;
  const attempt = connect.call(this).finally(() => connecting.delete(this));
  connecting.set(this, attempt);
  return await attempt;
};

/** kafkajs's own reader of what a broker sent, as far as it is mended here. */
interface Decoder {
  readVarIntArray(read: (decoder: Decoder) => unknown): unknown[];
}

/** More than any tracing or routing sets. */
const headersMax = 100;

// It copies what it has of a record's headers once for each of them: a record of 1 MiB can hold so many that the process stands
// still for minutes, loses its partition, and gets the same record again. All are read, and the first ones kept.
const { prototype: decoder } = require('kafkajs/src/protocol/decoder') as { prototype: Decoder };
const readHeaders = Reflect.get<object, string>(decoder, 'readVarIntArray') as Decoder['readVarIntArray'];
decoder.readVarIntArray = function (read) {
  return readHeaders.call(this, read).slice(0, headersMax);
};

const createSocket = (require('kafkajs/src/network/socketFactory') as () => ISocketFactory)();

/** kafkajs's own sockets, but a request is sent at once, and not when what was sent before it has been acknowledged. */
export const socketFactory: ISocketFactory = (options) => createSocket(options).setNoDelay(true);
