import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthFile } from 'grpc-health-check';
import { fileURLToPath } from 'node:url';

const protoDirectory = fileURLToPath(new URL('../../../proto', import.meta.url));

// For the reflection service only, which tells a client such as grpcurl what a server offers. Messages are read and
// written by the generated code: proto-loader turns "1e3" into 1 and an overflowing int64 into another valid amount.
export const loadOrdersDescriptors = (): PackageDefinition => load('orders/v1/orders.proto');
export const loadPaymentsDescriptors = (): PackageDefinition => load('payments/v1/payments.proto');

function load(file: string): PackageDefinition {
  // The health service, too: every server has it, and a client can only call what reflection describes.
  return loadSync([file, healthFile], { includeDirs: [protoDirectory], keepCase: true });
}
