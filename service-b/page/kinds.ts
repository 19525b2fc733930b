export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
export const allOf = (type: 'string' | 'number' | 'boolean', ...values: unknown[]): boolean => values.every((value) => typeof value === type);
export const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';
export const isText = (value: unknown): value is string => typeof value === 'string';
export const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));
