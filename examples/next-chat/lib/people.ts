/** The people, their company and their conversation. A real app has them in its database. */

export interface Person {
  id: string;
  name: string;
  /** Where they go when they have signed in. */
  page: '/merchant' | '/customer';
  /** Their companies. Only the team of a company (`admin`, `member`) sees its funnels. */
  companies: { id: string; role: 'admin' | 'customer' }[];
}

export const companyId = 'biz_1';

export const merchant: Person = {
  id: 'user_ann',
  name: 'Ann',
  page: '/merchant',
  companies: [{ id: companyId, role: 'admin' }],
};

export const customer: Person = {
  id: 'user_ben',
  name: 'Ben',
  page: '/customer',
  companies: [{ id: companyId, role: 'customer' }],
};

export const people = [merchant, customer];

export const conversationId = 'conv_ann_ben';
