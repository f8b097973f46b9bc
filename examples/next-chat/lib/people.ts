/** The people, their company and their conversations. A real app has them in its database. */

export interface Person {
  id: string;
  name: string;
  /** Where they go when they have signed in. */
  page: '/merchant' | '/customer';
  /** Their companies. Only the team of a company (`admin`, `member`) sees its funnels and its inbox. */
  companies: { id: string; role: 'admin' | 'customer' }[];
}

/** A customer, and their conversation with the merchant. */
export interface Customer extends Person {
  conversationId: string;
}

export const companyId = 'biz_1';

export const merchant: Person = {
  id: 'user_ann',
  name: 'Ann',
  page: '/merchant',
  companies: [{ id: companyId, role: 'admin' }],
};

export const customers: Customer[] = ['Ben', 'Cleo'].map(name => ({
  id: `user_${name.toLowerCase()}`,
  name,
  page: '/customer',
  companies: [{ id: companyId, role: 'customer' }],
  conversationId: `conv_ann_${name.toLowerCase()}`,
}));

export const people: Person[] = [merchant, ...customers];
