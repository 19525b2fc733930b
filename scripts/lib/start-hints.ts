import type { Reach } from './reach';
import type { Security } from './security';

/** What runs beside both services, as far as `npm start` has started it. */
type Running = {
  /** With what is kept. */
  folders: string[];
  secretsDir: string;
  postgresUrl?: string | undefined;
  registryUrl?: string | undefined;
  secured?: { security: Security; reach: Reach } | undefined;
};

const consoleConsumer = (topic: string, { secured, secretsDir }: Running): string =>
  `  kafka/kafka.sh console-consumer --bootstrap-server 127.0.0.1:29092 --topic ${topic} --from-beginning --property print.key=true${
    secured ? ` --consumer.config ${secretsDir}/inspector/client.properties` : ''}`;

const inList = (names: string[]): string => [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((text) => text !== '').join(' and ');

const firstOrder = (running: Running): string => `
Both services are ready. The board: http://localhost:3001/ In another terminal:

  curl -i localhost:3001/orders -H 'Content-Type: application/json' -d '{
    "orderId": "550e8400-e29b-41d4-a716-446655440000", "userId": "user-123", "amount": 99.99, "currency": "USD",
    "items": [{ "productId": "prod-001", "quantity": 2, "price": 49.995 }] }'
  curl localhost:3001/orders/550e8400-e29b-41d4-a716-446655440000

${['orders', 'payments', 'orders.DLT'].map((topic) => consoleConsumer(topic, running)).join('\n')}
`;

const ofPostgres = (url: string): string => `
The orders are in PostgreSQL too: psql ${url}
`;

const ofRegistry = (url: string, running: Running): string => `
Values of orders and payments are Avro: 00, the id of a schema in four bytes, then its fields. What an id means is kept in a registry:

  curl ${url}/subjects/orders-value/versions/latest
${consoleConsumer('orders', running)} --max-messages 1 | xxd | head -n 6
  REGISTRY_URL=${url} kafka/register-schemas.sh     # after a change of kafka/schemas: docs/evolution.md
`;

const ofSecure = ({ security, reach }: { security: Security; reach: Reach }, secretsDir: string): string => `
Nobody comes in without a password: those of service-a, service-b, dlt (the command for dead letters) and inspector (reads, for people) are in
${secretsDir}, what each may do stands in kafka/acls.conf. With kcat, and the dead letters:

  (cd ${secretsDir}/inspector && kcat -F kcat.conf -b 127.0.0.1:29092 -C -t orders -o beginning -e)
  ${Object.entries(security.credentials('dlt')).map(([name, value]) => `${name}=${value}`).join(' ')} npm run -s dlt -- list

A new password of service-b, without a restart:

  kafka/secrets.sh --password service-b ${secretsDir}
  BROKER_ADDRESS=${reach.brokers} SECRETS=${secretsDir}/brokers kafka/access.sh service-b
`;

/** What a user can try once both services are ready. */
export const hints = (running: Running): string => [
  firstOrder(running),
  running.postgresUrl === undefined ? '' : ofPostgres(running.postgresUrl),
  running.registryUrl === undefined ? '' : ofRegistry(running.registryUrl, running),
  running.secured === undefined ? '' : ofSecure(running.secured, running.secretsDir),
  `
Kept in ${inList(running.folders)}; delete ${running.folders.length > 1 ? 'all of them' : 'it'} to begin anew. Ctrl+C stops everything.
`,
].join('');
