import { answer } from './answers.ts';
import { operation } from './operation.ts';

export const healthPaths = {
  '/health/live': {
    get: operation({
      id: 'getLiveness',
      tag: 'Health',
      summary: 'Is the gateway running?',
      description: 'For a liveness probe.',
      success: { 200: answer('It runs.', { schema: 'Health', example: { status: 'live' } }) },
      asksService: false,
      refusals: [],
    }),
  },
  '/health/ready': {
    get: operation({
      id: 'getReadiness',
      tag: 'Health',
      summary: 'Does the gateway take work?',
      description: 'For a readiness probe: 503 while it stops, or can reach none of the services behind it.',
      success: { 200: answer('It takes work.', { schema: 'Health', example: { status: 'ready' } }) },
      asksService: false,
      refusals: ['UNAVAILABLE'],
    }),
  },
} as const;
