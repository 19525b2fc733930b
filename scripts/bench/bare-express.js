// What an Express service costs without Kafka: the same middleware, the same validation, the same answer, and nothing behind it.
const { randomUUID } = require('node:crypto');
const cors = require('cors');
const express = require('express');
const helmet = require('helmet');
const { orderRequestSchema } = require('../../service-a/dist/routes/order-request');

const app = express();
app.disable('x-powered-by').disable('etag');
app.use(helmet());
app.use(cors());
app.use(express.json({ limit: 262_144 }));
app.post('/orders', (req, res) => {
  const parsed = orderRequestSchema.safeParse(req.body);
  if (!parsed.success) {
    res.status(400).json({ errors: parsed.error.issues });
    return;
  }
  const orderId = parsed.data.orderId ?? randomUUID();
  res.status(202).location(`/orders/${orderId}`).json({ message: 'Order accepted for processing', orderId, status: 'pending' });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
