/** As in kafka/schemas/payments-value.avsc: a test holds both together. */
export const paymentsValue = {
  type: 'record',
  name: 'PaymentCompleted',
  namespace: 'payments',
  doc: 'A value of the topic payments. Fields and meaning are those of the JSON event (kafka/asyncapi.yaml).',
  fields: [
    { name: 'eventType', type: 'string', doc: 'Always PAYMENT_COMPLETED' },
    { name: 'eventId', type: 'string' },
    { name: 'timestamp', type: 'string', doc: 'RFC 3339' },
    {
      name: 'data',
      type: {
        type: 'record',
        name: 'Payment',
        fields: [
          { name: 'orderId', type: 'string', doc: "UUID; the record's key" },
          { name: 'paymentId', type: 'string', doc: 'UUID; one for an order, whatever happens' },
          { name: 'paymentStatus', type: 'string', doc: 'Always completed' },
          { name: 'amount', type: 'double', doc: 'In units of the currency, as in JSON' },
          { name: 'currency', type: 'string', doc: 'ISO 4217' },
          { name: 'processedAt', type: 'string', doc: 'RFC 3339' },
        ],
      },
    },
  ],
};
