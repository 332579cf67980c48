/** Where a test asks for the infrastructure, which starts when the first one does. */
export const INFRASTRUCTURE_URL_VARIABLE = 'TEST_INFRASTRUCTURE_URL';

/** What the infrastructure's keeper answers. */
export interface InfrastructureAddress {
  readonly databasePort: number;
  readonly kafkaPort: number;
  readonly registryPort: number;
  /** The process that keeps it, as process-lock.mjs identifies one. */
  readonly keeper: string;
  /** A folder that is removed after the run. */
  readonly directory: string;
}

export const TEMPLATES = { orders: 'orders_template', payments: 'payments_template' } as const;
