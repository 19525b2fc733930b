/** As in kafka/schemas/orders-value.avsc: a test holds both together. */
export const ordersValue = {
  type: 'record',
  name: 'OrderCreated',
  namespace: 'orders',
  doc: 'A value of the topic orders. Fields and meaning are those of the JSON event (kafka/asyncapi.yaml).',
  fields: [
    { name: 'eventType', type: 'string', doc: 'Always ORDER_CREATED' },
    { name: 'eventId', type: 'string' },
    { name: 'timestamp', type: 'string', doc: 'RFC 3339' },
    {
      name: 'data',
      type: {
        type: 'record',
        name: 'Order',
        fields: [
          { name: 'orderId', type: 'string', doc: "UUID; the record's key" },
          { name: 'userId', type: 'string' },
          { name: 'amount', type: 'double', doc: 'In units of the currency, as in JSON' },
          { name: 'currency', type: 'string', doc: 'ISO 4217' },
          {
            name: 'items',
            type: {
              type: 'array',
              items: {
                type: 'record',
                name: 'Item',
                fields: [
                  { name: 'productId', type: 'string' },
                  { name: 'quantity', type: 'long' },
                  { name: 'price', type: 'double' },
                ],
              },
            },
          },
        ],
      },
    },
  ],
};
