/** A line that becomes a hand, in a box of 160 by 28. */
export const SIGNATURE =
  'M2 20H84C96 20 108 3 112 4S102 25 107 25 114 13 118 13 115 22 119 22 123 16 126 16 125 21 129 21 138 18 158 17'
