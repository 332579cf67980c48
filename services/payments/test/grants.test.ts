import { testRoles } from '@order-payments/local/test-kit/role-tests.ts';
import { openPaymentsDatabase } from './payments-database.ts';

/** All that each role may do; whatever is not here must be refused. */
const rights = {
  service: [
    'select accounts',
    'insert accounts',
    'update accounts',
    'select transactions',
    'insert transactions',
    'select payments',
    'insert payments',
    'select outbox',
    'insert outbox',
    'select inbox',
    'insert inbox',
    'delete inbox',
    'select dead_letters',
    'insert dead_letters',
    'delete dead_letters',
    'select retention',
    'insert retention',
    'update retention',
  ],
  relay: ['select outbox', 'delete outbox'],
  ops: [
    'select accounts',
    'select transactions',
    'select payments',
    'select outbox',
    'insert outbox',
    'select inbox',
    'select dead_letters',
    'update dead_letters',
    'select retention',
    'select migrations',
  ],
} as const;

testRoles('payments', rights, openPaymentsDatabase);
