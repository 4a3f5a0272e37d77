/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/ops.h: the operations that the decoder knows, by mnemonic. VEX and EVEX forms have
 * the name of the SSE instruction, without the V. The list is kept by `gen-tables --ops`;
 * the build fails when it does not agree with the tables.
 */
/* check: long-file, a list */
#pragma once

/* clang-format off */
#define INSN_OPS(OP) \
	OP(AAA, aaa) OP(AAD, aad) OP(AAM, aam) OP(AAS, aas) OP(ADC, adc) OP(ADCX, adcx) \
	OP(ADD, add) OP(ADOX, adox) OP(AND, and) OP(ANDN, andn) OP(ARPL, arpl) OP(BEXTR, bextr) \
	OP(BLSI, blsi) OP(BLSMSK, blsmsk) OP(BLSR, blsr) OP(BOUND, bound) OP(BSF, bsf) \
	OP(BSR, bsr) OP(BSWAP, bswap) OP(BT, bt) OP(BTC, btc) OP(BTR, btr) OP(BTS, bts) \
	OP(BZHI, bzhi) OP(CALL, call) OP(CALLF, callf) OP(CBW, cbw) OP(CLAC, clac) OP(CLC, clc) \
	OP(CLD, cld) OP(CLFLUSH, clflush) OP(CLFLUSHOPT, clflushopt) OP(CLGI, clgi) \
	OP(CLI, cli) OP(CLTS, clts) OP(CLWB, clwb) OP(CMC, cmc) OP(CMOVCC, cmovcc) OP(CMP, cmp) \
	OP(CMPS, cmps) OP(CMPXCHG, cmpxchg) OP(CMPXCHG16B, cmpxchg16b) OP(CMPXCHG8B, cmpxchg8b) \
	OP(CPUID, cpuid) OP(CRC32, crc32) OP(CWD, cwd) OP(DAA, daa) OP(DAS, das) OP(DEC, dec) \
	OP(DIV, div) OP(ENTER, enter) OP(HLT, hlt) OP(IDIV, idiv) OP(IMUL, imul) OP(IN, in) \
	OP(INC, inc) OP(INS, ins) OP(INT, int) OP(INT1, int1) OP(INT3, int3) OP(INTO, into) \
	OP(INVD, invd) OP(INVEPT, invept) OP(INVLPG, invlpg) OP(INVLPGA, invlpga) \
	OP(INVPCID, invpcid) OP(INVVPID, invvpid) OP(IRET, iret) OP(JCC, jcc) OP(JCXZ, jcxz) \
	OP(JMP, jmp) OP(JMPF, jmpf) OP(LAHF, lahf) OP(LAR, lar) OP(LDMXCSR, ldmxcsr) \
	OP(LDS, lds) OP(LEA, lea) OP(LEAVE, leave) OP(LES, les) OP(LFENCE, lfence) OP(LFS, lfs) \
	OP(LGDT, lgdt) OP(LGS, lgs) OP(LIDT, lidt) OP(LLDT, lldt) OP(LMSW, lmsw) OP(LODS, lods) \
	OP(LOOP, loop) OP(LOOPE, loope) OP(LOOPNE, loopne) OP(LSL, lsl) OP(LSS, lss) \
	OP(LTR, ltr) OP(LZCNT, lzcnt) OP(MFENCE, mfence) OP(MONITOR, monitor) OP(MOV, mov) \
	OP(MOV_CR, mov) OP(MOV_DR, mov) OP(MOV_SEG, mov) OP(MOVBE, movbe) \
	OP(MOVDIR64B, movdir64b) OP(MOVDIRI, movdiri) OP(MOVNTI, movnti) OP(MOVS, movs) \
	OP(MOVSX, movsx) OP(MOVSXD, movsxd) OP(MOVZX, movzx) OP(MUL, mul) OP(MULX, mulx) \
	OP(MWAIT, mwait) OP(NEG, neg) OP(NOP, nop) OP(NOT, not) OP(OR, or) OP(OUT, out) \
	OP(OUTS, outs) OP(PAUSE, pause) OP(PDEP, pdep) OP(PEXT, pext) OP(POP, pop) \
	OP(POP_SEG, pop) OP(POPA, popa) OP(POPCNT, popcnt) OP(POPF, popf) \
	OP(PREFETCHNTA, prefetchnta) OP(PREFETCHT0, prefetcht0) OP(PREFETCHT1, prefetcht1) \
	OP(PREFETCHT2, prefetcht2) OP(PREFETCHW, prefetchw) OP(PUSH, push) OP(PUSH_SEG, push) \
	OP(PUSHA, pusha) OP(PUSHF, pushf) OP(RCL, rcl) OP(RCR, rcr) OP(RDFSBASE, rdfsbase) \
	OP(RDGSBASE, rdgsbase) OP(RDMSR, rdmsr) OP(RDPID, rdpid) OP(RDPKRU, rdpkru) \
	OP(RDPMC, rdpmc) OP(RDRAND, rdrand) OP(RDSEED, rdseed) OP(RDTSC, rdtsc) \
	OP(RDTSCP, rdtscp) OP(RET, ret) OP(RETF, retf) OP(ROL, rol) OP(ROR, ror) OP(RORX, rorx) \
	OP(RSM, rsm) OP(SAHF, sahf) OP(SALC, salc) OP(SAR, sar) OP(SARX, sarx) OP(SBB, sbb) \
	OP(SCAS, scas) OP(SERIALIZE, serialize) OP(SETCC, setcc) OP(SFENCE, sfence) \
	OP(SGDT, sgdt) OP(SHL, shl) OP(SHLD, shld) OP(SHLX, shlx) OP(SHR, shr) OP(SHRD, shrd) \
	OP(SHRX, shrx) OP(SIDT, sidt) OP(SKINIT, skinit) OP(SLDT, sldt) OP(SMSW, smsw) \
	OP(STAC, stac) OP(STC, stc) OP(STD, std) OP(STGI, stgi) OP(STI, sti) \
	OP(STMXCSR, stmxcsr) OP(STOS, stos) OP(STR, str) OP(SUB, sub) OP(SWAPGS, swapgs) \
	OP(SYSCALL, syscall) OP(SYSENTER, sysenter) OP(SYSEXIT, sysexit) OP(SYSRET, sysret) \
	OP(TEST, test) OP(TPAUSE, tpause) OP(TZCNT, tzcnt) OP(UMONITOR, umonitor) \
	OP(UMWAIT, umwait) OP(VERR, verr) OP(VERW, verw) OP(VMCALL, vmcall) \
	OP(VMCLEAR, vmclear) OP(VMFUNC, vmfunc) OP(VMLAUNCH, vmlaunch) OP(VMLOAD, vmload) \
	OP(VMMCALL, vmmcall) OP(VMPTRLD, vmptrld) OP(VMPTRST, vmptrst) OP(VMREAD, vmread) \
	OP(VMRESUME, vmresume) OP(VMRUN, vmrun) OP(VMSAVE, vmsave) OP(VMWRITE, vmwrite) \
	OP(VMXOFF, vmxoff) OP(VMXON, vmxon) OP(WBINVD, wbinvd) OP(WRFSBASE, wrfsbase) \
	OP(WRGSBASE, wrgsbase) OP(WRMSR, wrmsr) OP(WRPKRU, wrpkru) OP(XADD, xadd) \
	OP(XCHG, xchg) OP(XGETBV, xgetbv) OP(XLAT, xlat) OP(XOR, xor) OP(XRSTORS, xrstors) \
	OP(XSAVES, xsaves) OP(XSETBV, xsetbv) \
	OP(INT_END, end) \
	OP(F2XM1, f2xm1) OP(FABS, fabs) OP(FADD, fadd) OP(FADDP, faddp) OP(FBLD, fbld) \
	OP(FBSTP, fbstp) OP(FCHS, fchs) OP(FCMOVB, fcmovb) OP(FCMOVBE, fcmovbe) \
	OP(FCMOVE, fcmove) OP(FCMOVNB, fcmovnb) OP(FCMOVNBE, fcmovnbe) OP(FCMOVNE, fcmovne) \
	OP(FCMOVNU, fcmovnu) OP(FCMOVU, fcmovu) OP(FCOM, fcom) OP(FCOMI, fcomi) \
	OP(FCOMIP, fcomip) OP(FCOMP, fcomp) OP(FCOMPP, fcompp) OP(FCOS, fcos) \
	OP(FDECSTP, fdecstp) OP(FDIV, fdiv) OP(FDIVP, fdivp) OP(FDIVR, fdivr) \
	OP(FDIVRP, fdivrp) OP(FFREE, ffree) OP(FFREEP, ffreep) OP(FIADD, fiadd) \
	OP(FICOM, ficom) OP(FICOMP, ficomp) OP(FIDIV, fidiv) OP(FIDIVR, fidivr) OP(FILD, fild) \
	OP(FIMUL, fimul) OP(FINCSTP, fincstp) OP(FIST, fist) OP(FISTP, fistp) \
	OP(FISTTP, fisttp) OP(FISUB, fisub) OP(FISUBR, fisubr) OP(FLD, fld) OP(FLD1, fld1) \
	OP(FLDCW, fldcw) OP(FLDENV, fldenv) OP(FLDL2E, fldl2e) OP(FLDL2T, fldl2t) \
	OP(FLDLG2, fldlg2) OP(FLDLN2, fldln2) OP(FLDPI, fldpi) OP(FLDZ, fldz) OP(FMUL, fmul) \
	OP(FMULP, fmulp) OP(FNCLEX, fnclex) OP(FNINIT, fninit) OP(FNOP, fnop) \
	OP(FNSAVE, fnsave) OP(FNSTCW, fnstcw) OP(FNSTENV, fnstenv) OP(FNSTSW, fnstsw) \
	OP(FPATAN, fpatan) OP(FPREM, fprem) OP(FPREM1, fprem1) OP(FPTAN, fptan) \
	OP(FRNDINT, frndint) OP(FRSTOR, frstor) OP(FSCALE, fscale) OP(FSIN, fsin) \
	OP(FSINCOS, fsincos) OP(FSQRT, fsqrt) OP(FST, fst) OP(FSTP, fstp) OP(FSUB, fsub) \
	OP(FSUBP, fsubp) OP(FSUBR, fsubr) OP(FSUBRP, fsubrp) OP(FTST, ftst) OP(FUCOM, fucom) \
	OP(FUCOMI, fucomi) OP(FUCOMIP, fucomip) OP(FUCOMP, fucomp) OP(FUCOMPP, fucompp) \
	OP(FWAIT, fwait) OP(FXAM, fxam) OP(FXCH, fxch) OP(FXRSTOR, fxrstor) OP(FXSAVE, fxsave) \
	OP(FXTRACT, fxtract) OP(FYL2X, fyl2x) OP(FYL2XP1, fyl2xp1) OP(XRSTOR, xrstor) \
	OP(XSAVE, xsave) OP(XSAVEC, xsavec) OP(XSAVEOPT, xsaveopt) \
	OP(X87_END, end) \
	OP(ADDPD, addpd) OP(ADDPS, addps) OP(ADDSD, addsd) OP(ADDSS, addss) \
	OP(ADDSUBPD, addsubpd) OP(ADDSUBPS, addsubps) OP(AESDEC, aesdec) \
	OP(AESDECLAST, aesdeclast) OP(AESENC, aesenc) OP(AESENCLAST, aesenclast) \
	OP(AESIMC, aesimc) OP(AESKEYGENASSIST, aeskeygenassist) OP(ALIGND, alignd) \
	OP(ALIGNQ, alignq) OP(ANDNPD, andnpd) OP(ANDNPS, andnps) OP(ANDPD, andpd) \
	OP(ANDPS, andps) OP(BLENDMPD, blendmpd) OP(BLENDMPS, blendmps) OP(BLENDPD, blendpd) \
	OP(BLENDPS, blendps) OP(BLENDVPD, blendvpd) OP(BLENDVPS, blendvps) \
	OP(BROADCASTF128, broadcastf128) OP(BROADCASTF32X2, broadcastf32x2) \
	OP(BROADCASTF32X4, broadcastf32x4) OP(BROADCASTF32X8, broadcastf32x8) \
	OP(BROADCASTF64X2, broadcastf64x2) OP(BROADCASTF64X4, broadcastf64x4) \
	OP(BROADCASTI128, broadcasti128) OP(BROADCASTI32X2, broadcasti32x2) \
	OP(BROADCASTI32X4, broadcasti32x4) OP(BROADCASTI32X8, broadcasti32x8) \
	OP(BROADCASTI64X2, broadcasti64x2) OP(BROADCASTI64X4, broadcasti64x4) \
	OP(BROADCASTSD, broadcastsd) OP(BROADCASTSS, broadcastss) OP(CMPPD, cmppd) \
	OP(CMPPS, cmpps) OP(CMPSD, cmpsd) OP(CMPSS, cmpss) OP(COMISD, comisd) \
	OP(COMISS, comiss) OP(COMPRESSPD, compresspd) OP(COMPRESSPS, compressps) \
	OP(CVTDQ2PD, cvtdq2pd) OP(CVTDQ2PS, cvtdq2ps) OP(CVTNE2PS2BF16, cvtne2ps2bf16) \
	OP(CVTNEPS2BF16, cvtneps2bf16) OP(CVTPD2DQ, cvtpd2dq) OP(CVTPD2PI, cvtpd2pi) \
	OP(CVTPD2PS, cvtpd2ps) OP(CVTPD2QQ, cvtpd2qq) OP(CVTPD2UDQ, cvtpd2udq) \
	OP(CVTPD2UQQ, cvtpd2uqq) OP(CVTPH2PS, cvtph2ps) OP(CVTPI2PD, cvtpi2pd) \
	OP(CVTPI2PS, cvtpi2ps) OP(CVTPS2DQ, cvtps2dq) OP(CVTPS2PD, cvtps2pd) \
	OP(CVTPS2PH, cvtps2ph) OP(CVTPS2PI, cvtps2pi) OP(CVTPS2QQ, cvtps2qq) \
	OP(CVTPS2UDQ, cvtps2udq) OP(CVTPS2UQQ, cvtps2uqq) OP(CVTQQ2PD, cvtqq2pd) \
	OP(CVTQQ2PS, cvtqq2ps) OP(CVTSD2SI, cvtsd2si) OP(CVTSD2SS, cvtsd2ss) \
	OP(CVTSD2USI, cvtsd2usi) OP(CVTSI2SD, cvtsi2sd) OP(CVTSI2SS, cvtsi2ss) \
	OP(CVTSS2SD, cvtss2sd) OP(CVTSS2SI, cvtss2si) OP(CVTSS2USI, cvtss2usi) \
	OP(CVTTPD2DQ, cvttpd2dq) OP(CVTTPD2PI, cvttpd2pi) OP(CVTTPD2QQ, cvttpd2qq) \
	OP(CVTTPD2UDQ, cvttpd2udq) OP(CVTTPD2UQQ, cvttpd2uqq) OP(CVTTPS2DQ, cvttps2dq) \
	OP(CVTTPS2PI, cvttps2pi) OP(CVTTPS2QQ, cvttps2qq) OP(CVTTPS2UDQ, cvttps2udq) \
	OP(CVTTPS2UQQ, cvttps2uqq) OP(CVTTSD2SI, cvttsd2si) OP(CVTTSD2USI, cvttsd2usi) \
	OP(CVTTSS2SI, cvttss2si) OP(CVTTSS2USI, cvttss2usi) OP(CVTUDQ2PD, cvtudq2pd) \
	OP(CVTUDQ2PS, cvtudq2ps) OP(CVTUQQ2PD, cvtuqq2pd) OP(CVTUQQ2PS, cvtuqq2ps) \
	OP(CVTUSI2SD, cvtusi2sd) OP(CVTUSI2SS, cvtusi2ss) OP(DBPSADBW, dbpsadbw) \
	OP(DIVPD, divpd) OP(DIVPS, divps) OP(DIVSD, divsd) OP(DIVSS, divss) \
	OP(DPBF16PS, dpbf16ps) OP(DPPD, dppd) OP(DPPS, dpps) OP(EMMS, emms) \
	OP(EXPANDPD, expandpd) OP(EXPANDPS, expandps) OP(EXTRACTF128, extractf128) \
	OP(EXTRACTF32X4, extractf32x4) OP(EXTRACTF32X8, extractf32x8) \
	OP(EXTRACTF64X2, extractf64x2) OP(EXTRACTF64X4, extractf64x4) \
	OP(EXTRACTI128, extracti128) OP(EXTRACTI32X4, extracti32x4) \
	OP(EXTRACTI32X8, extracti32x8) OP(EXTRACTI64X2, extracti64x2) \
	OP(EXTRACTI64X4, extracti64x4) OP(EXTRACTPS, extractps) OP(FIXUPIMMPD, fixupimmpd) \
	OP(FIXUPIMMPS, fixupimmps) OP(FIXUPIMMSD, fixupimmsd) OP(FIXUPIMMSS, fixupimmss) \
	OP(FMADD132PD, fmadd132pd) OP(FMADD132PS, fmadd132ps) OP(FMADD132SD, fmadd132sd) \
	OP(FMADD132SS, fmadd132ss) OP(FMADD213PD, fmadd213pd) OP(FMADD213PS, fmadd213ps) \
	OP(FMADD213SD, fmadd213sd) OP(FMADD213SS, fmadd213ss) OP(FMADD231PD, fmadd231pd) \
	OP(FMADD231PS, fmadd231ps) OP(FMADD231SD, fmadd231sd) OP(FMADD231SS, fmadd231ss) \
	OP(FMADDSUB132PD, fmaddsub132pd) OP(FMADDSUB132PS, fmaddsub132ps) \
	OP(FMADDSUB213PD, fmaddsub213pd) OP(FMADDSUB213PS, fmaddsub213ps) \
	OP(FMADDSUB231PD, fmaddsub231pd) OP(FMADDSUB231PS, fmaddsub231ps) \
	OP(FMSUB132PD, fmsub132pd) OP(FMSUB132PS, fmsub132ps) OP(FMSUB132SD, fmsub132sd) \
	OP(FMSUB132SS, fmsub132ss) OP(FMSUB213PD, fmsub213pd) OP(FMSUB213PS, fmsub213ps) \
	OP(FMSUB213SD, fmsub213sd) OP(FMSUB213SS, fmsub213ss) OP(FMSUB231PD, fmsub231pd) \
	OP(FMSUB231PS, fmsub231ps) OP(FMSUB231SD, fmsub231sd) OP(FMSUB231SS, fmsub231ss) \
	OP(FMSUBADD132PD, fmsubadd132pd) OP(FMSUBADD132PS, fmsubadd132ps) \
	OP(FMSUBADD213PD, fmsubadd213pd) OP(FMSUBADD213PS, fmsubadd213ps) \
	OP(FMSUBADD231PD, fmsubadd231pd) OP(FMSUBADD231PS, fmsubadd231ps) \
	OP(FNMADD132PD, fnmadd132pd) OP(FNMADD132PS, fnmadd132ps) OP(FNMADD132SD, fnmadd132sd) \
	OP(FNMADD132SS, fnmadd132ss) OP(FNMADD213PD, fnmadd213pd) OP(FNMADD213PS, fnmadd213ps) \
	OP(FNMADD213SD, fnmadd213sd) OP(FNMADD213SS, fnmadd213ss) OP(FNMADD231PD, fnmadd231pd) \
	OP(FNMADD231PS, fnmadd231ps) OP(FNMADD231SD, fnmadd231sd) OP(FNMADD231SS, fnmadd231ss) \
	OP(FNMSUB132PD, fnmsub132pd) OP(FNMSUB132PS, fnmsub132ps) OP(FNMSUB132SD, fnmsub132sd) \
	OP(FNMSUB132SS, fnmsub132ss) OP(FNMSUB213PD, fnmsub213pd) OP(FNMSUB213PS, fnmsub213ps) \
	OP(FNMSUB213SD, fnmsub213sd) OP(FNMSUB213SS, fnmsub213ss) OP(FNMSUB231PD, fnmsub231pd) \
	OP(FNMSUB231PS, fnmsub231ps) OP(FNMSUB231SD, fnmsub231sd) OP(FNMSUB231SS, fnmsub231ss) \
	OP(FPCLASSPD, fpclasspd) OP(FPCLASSPS, fpclassps) OP(FPCLASSSD, fpclasssd) \
	OP(FPCLASSSS, fpclassss) OP(GATHERDPD, gatherdpd) OP(GATHERDPS, gatherdps) \
	OP(GATHERQPD, gatherqpd) OP(GATHERQPS, gatherqps) OP(GETEXPPD, getexppd) \
	OP(GETEXPPS, getexpps) OP(GETEXPSD, getexpsd) OP(GETEXPSS, getexpss) \
	OP(GETMANTPD, getmantpd) OP(GETMANTPS, getmantps) OP(GETMANTSD, getmantsd) \
	OP(GETMANTSS, getmantss) OP(GF2P8AFFINEINVQB, gf2p8affineinvqb) \
	OP(GF2P8AFFINEQB, gf2p8affineqb) OP(GF2P8MULB, gf2p8mulb) OP(HADDPD, haddpd) \
	OP(HADDPS, haddps) OP(HSUBPD, hsubpd) OP(HSUBPS, hsubps) OP(INSERTF128, insertf128) \
	OP(INSERTF32X4, insertf32x4) OP(INSERTF32X8, insertf32x8) OP(INSERTF64X2, insertf64x2) \
	OP(INSERTF64X4, insertf64x4) OP(INSERTI128, inserti128) OP(INSERTI32X4, inserti32x4) \
	OP(INSERTI32X8, inserti32x8) OP(INSERTI64X2, inserti64x2) OP(INSERTI64X4, inserti64x4) \
	OP(INSERTPS, insertps) OP(KADDB, kaddb) OP(KADDD, kaddd) OP(KADDQ, kaddq) \
	OP(KADDW, kaddw) OP(KANDB, kandb) OP(KANDD, kandd) OP(KANDNB, kandnb) \
	OP(KANDND, kandnd) OP(KANDNQ, kandnq) OP(KANDNW, kandnw) OP(KANDQ, kandq) \
	OP(KANDW, kandw) OP(KMOVB, kmovb) OP(KMOVD, kmovd) OP(KMOVQ, kmovq) OP(KMOVW, kmovw) \
	OP(KNOTB, knotb) OP(KNOTD, knotd) OP(KNOTQ, knotq) OP(KNOTW, knotw) OP(KORB, korb) \
	OP(KORD, kord) OP(KORQ, korq) OP(KORTESTB, kortestb) OP(KORTESTD, kortestd) \
	OP(KORTESTQ, kortestq) OP(KORTESTW, kortestw) OP(KORW, korw) OP(KSHIFTLB, kshiftlb) \
	OP(KSHIFTLD, kshiftld) OP(KSHIFTLQ, kshiftlq) OP(KSHIFTLW, kshiftlw) \
	OP(KSHIFTRB, kshiftrb) OP(KSHIFTRD, kshiftrd) OP(KSHIFTRQ, kshiftrq) \
	OP(KSHIFTRW, kshiftrw) OP(KTESTB, ktestb) OP(KTESTD, ktestd) OP(KTESTQ, ktestq) \
	OP(KTESTW, ktestw) OP(KUNPCKBW, kunpckbw) OP(KUNPCKDQ, kunpckdq) OP(KUNPCKWD, kunpckwd) \
	OP(KXNORB, kxnorb) OP(KXNORD, kxnord) OP(KXNORQ, kxnorq) OP(KXNORW, kxnorw) \
	OP(KXORB, kxorb) OP(KXORD, kxord) OP(KXORQ, kxorq) OP(KXORW, kxorw) OP(LDDQU, lddqu) \
	OP(MASKMOVDQU, maskmovdqu) OP(MASKMOVPD, maskmovpd) OP(MASKMOVPS, maskmovps) \
	OP(MASKMOVQ, maskmovq) OP(MAXPD, maxpd) OP(MAXPS, maxps) OP(MAXSD, maxsd) \
	OP(MAXSS, maxss) OP(MINPD, minpd) OP(MINPS, minps) OP(MINSD, minsd) OP(MINSS, minss) \
	OP(MOVAPD, movapd) OP(MOVAPS, movaps) OP(MOVD, movd) OP(MOVDDUP, movddup) \
	OP(MOVDQ2Q, movdq2q) OP(MOVDQA, movdqa) OP(MOVDQA32, movdqa32) OP(MOVDQA64, movdqa64) \
	OP(MOVDQU, movdqu) OP(MOVDQU16, movdqu16) OP(MOVDQU32, movdqu32) OP(MOVDQU64, movdqu64) \
	OP(MOVDQU8, movdqu8) OP(MOVHLPS, movhlps) OP(MOVHPD, movhpd) OP(MOVHPS, movhps) \
	OP(MOVLHPS, movlhps) OP(MOVLPD, movlpd) OP(MOVLPS, movlps) OP(MOVMSKPD, movmskpd) \
	OP(MOVMSKPS, movmskps) OP(MOVNTDQ, movntdq) OP(MOVNTDQA, movntdqa) OP(MOVNTPD, movntpd) \
	OP(MOVNTPS, movntps) OP(MOVNTQ, movntq) OP(MOVQ, movq) OP(MOVQ2DQ, movq2dq) \
	OP(MOVSD, movsd) OP(MOVSHDUP, movshdup) OP(MOVSLDUP, movsldup) OP(MOVSS, movss) \
	OP(MOVUPD, movupd) OP(MOVUPS, movups) OP(MPSADBW, mpsadbw) OP(MULPD, mulpd) \
	OP(MULPS, mulps) OP(MULSD, mulsd) OP(MULSS, mulss) OP(ORPD, orpd) OP(ORPS, orps) \
	OP(P2INTERSECTD, p2intersectd) OP(P2INTERSECTQ, p2intersectq) OP(PABSB, pabsb) \
	OP(PABSD, pabsd) OP(PABSQ, pabsq) OP(PABSW, pabsw) OP(PACKSSDW, packssdw) \
	OP(PACKSSWB, packsswb) OP(PACKUSDW, packusdw) OP(PACKUSWB, packuswb) OP(PADDB, paddb) \
	OP(PADDD, paddd) OP(PADDQ, paddq) OP(PADDSB, paddsb) OP(PADDSW, paddsw) \
	OP(PADDUSB, paddusb) OP(PADDUSW, paddusw) OP(PADDW, paddw) OP(PALIGNR, palignr) \
	OP(PAND, pand) OP(PANDD, pandd) OP(PANDN, pandn) OP(PANDND, pandnd) OP(PANDNQ, pandnq) \
	OP(PANDQ, pandq) OP(PAVGB, pavgb) OP(PAVGW, pavgw) OP(PBLENDD, pblendd) \
	OP(PBLENDMB, pblendmb) OP(PBLENDMD, pblendmd) OP(PBLENDMQ, pblendmq) \
	OP(PBLENDMW, pblendmw) OP(PBLENDVB, pblendvb) OP(PBLENDW, pblendw) \
	OP(PBROADCASTB, pbroadcastb) OP(PBROADCASTD, pbroadcastd) \
	OP(PBROADCASTMB2Q, pbroadcastmb2q) OP(PBROADCASTMW2D, pbroadcastmw2d) \
	OP(PBROADCASTQ, pbroadcastq) OP(PBROADCASTW, pbroadcastw) OP(PCLMULQDQ, pclmulqdq) \
	OP(PCMPB, pcmpb) OP(PCMPD, pcmpd) OP(PCMPEQB, pcmpeqb) OP(PCMPEQD, pcmpeqd) \
	OP(PCMPEQQ, pcmpeqq) OP(PCMPEQW, pcmpeqw) OP(PCMPESTRI, pcmpestri) \
	OP(PCMPESTRM, pcmpestrm) OP(PCMPGTB, pcmpgtb) OP(PCMPGTD, pcmpgtd) OP(PCMPGTQ, pcmpgtq) \
	OP(PCMPGTW, pcmpgtw) OP(PCMPISTRI, pcmpistri) OP(PCMPISTRM, pcmpistrm) OP(PCMPQ, pcmpq) \
	OP(PCMPUB, pcmpub) OP(PCMPUD, pcmpud) OP(PCMPUQ, pcmpuq) OP(PCMPUW, pcmpuw) \
	OP(PCMPW, pcmpw) OP(PCOMPRESSB, pcompressb) OP(PCOMPRESSD, pcompressd) \
	OP(PCOMPRESSQ, pcompressq) OP(PCOMPRESSW, pcompressw) OP(PCONFLICTD, pconflictd) \
	OP(PCONFLICTQ, pconflictq) OP(PDPBUSD, pdpbusd) OP(PDPBUSDS, pdpbusds) \
	OP(PDPWSSD, pdpwssd) OP(PDPWSSDS, pdpwssds) OP(PERM2F128, perm2f128) \
	OP(PERM2I128, perm2i128) OP(PERMB, permb) OP(PERMD, permd) OP(PERMI2B, permi2b) \
	OP(PERMI2D, permi2d) OP(PERMI2PD, permi2pd) OP(PERMI2PS, permi2ps) OP(PERMI2Q, permi2q) \
	OP(PERMI2W, permi2w) OP(PERMILPD, permilpd) OP(PERMILPS, permilps) OP(PERMPD, permpd) \
	OP(PERMPS, permps) OP(PERMQ, permq) OP(PERMT2B, permt2b) OP(PERMT2D, permt2d) \
	OP(PERMT2PD, permt2pd) OP(PERMT2PS, permt2ps) OP(PERMT2Q, permt2q) OP(PERMT2W, permt2w) \
	OP(PERMW, permw) OP(PEXPANDB, pexpandb) OP(PEXPANDD, pexpandd) OP(PEXPANDQ, pexpandq) \
	OP(PEXPANDW, pexpandw) OP(PEXTRB, pextrb) OP(PEXTRD, pextrd) OP(PEXTRW, pextrw) \
	OP(PGATHERDD, pgatherdd) OP(PGATHERDQ, pgatherdq) OP(PGATHERQD, pgatherqd) \
	OP(PGATHERQQ, pgatherqq) OP(PHADDD, phaddd) OP(PHADDSW, phaddsw) OP(PHADDW, phaddw) \
	OP(PHMINPOSUW, phminposuw) OP(PHSUBD, phsubd) OP(PHSUBSW, phsubsw) OP(PHSUBW, phsubw) \
	OP(PINSRB, pinsrb) OP(PINSRD, pinsrd) OP(PINSRW, pinsrw) OP(PLZCNTD, plzcntd) \
	OP(PLZCNTQ, plzcntq) OP(PMADD52HUQ, pmadd52huq) OP(PMADD52LUQ, pmadd52luq) \
	OP(PMADDUBSW, pmaddubsw) OP(PMADDWD, pmaddwd) OP(PMASKMOVD, pmaskmovd) \
	OP(PMASKMOVQ, pmaskmovq) OP(PMAXSB, pmaxsb) OP(PMAXSD, pmaxsd) OP(PMAXSQ, pmaxsq) \
	OP(PMAXSW, pmaxsw) OP(PMAXUB, pmaxub) OP(PMAXUD, pmaxud) OP(PMAXUQ, pmaxuq) \
	OP(PMAXUW, pmaxuw) OP(PMINSB, pminsb) OP(PMINSD, pminsd) OP(PMINSQ, pminsq) \
	OP(PMINSW, pminsw) OP(PMINUB, pminub) OP(PMINUD, pminud) OP(PMINUQ, pminuq) \
	OP(PMINUW, pminuw) OP(PMOVB2M, pmovb2m) OP(PMOVD2M, pmovd2m) OP(PMOVDB, pmovdb) \
	OP(PMOVDW, pmovdw) OP(PMOVM2B, pmovm2b) OP(PMOVM2D, pmovm2d) OP(PMOVM2Q, pmovm2q) \
	OP(PMOVM2W, pmovm2w) OP(PMOVMSKB, pmovmskb) OP(PMOVQ2M, pmovq2m) OP(PMOVQB, pmovqb) \
	OP(PMOVQD, pmovqd) OP(PMOVQW, pmovqw) OP(PMOVSDB, pmovsdb) OP(PMOVSDW, pmovsdw) \
	OP(PMOVSQB, pmovsqb) OP(PMOVSQD, pmovsqd) OP(PMOVSQW, pmovsqw) OP(PMOVSWB, pmovswb) \
	OP(PMOVSXBD, pmovsxbd) OP(PMOVSXBQ, pmovsxbq) OP(PMOVSXBW, pmovsxbw) \
	OP(PMOVSXDQ, pmovsxdq) OP(PMOVSXWD, pmovsxwd) OP(PMOVSXWQ, pmovsxwq) \
	OP(PMOVUSDB, pmovusdb) OP(PMOVUSDW, pmovusdw) OP(PMOVUSQB, pmovusqb) \
	OP(PMOVUSQD, pmovusqd) OP(PMOVUSQW, pmovusqw) OP(PMOVUSWB, pmovuswb) \
	OP(PMOVW2M, pmovw2m) OP(PMOVWB, pmovwb) OP(PMOVZXBD, pmovzxbd) OP(PMOVZXBQ, pmovzxbq) \
	OP(PMOVZXBW, pmovzxbw) OP(PMOVZXDQ, pmovzxdq) OP(PMOVZXWD, pmovzxwd) \
	OP(PMOVZXWQ, pmovzxwq) OP(PMULDQ, pmuldq) OP(PMULHRSW, pmulhrsw) OP(PMULHUW, pmulhuw) \
	OP(PMULHW, pmulhw) OP(PMULLD, pmulld) OP(PMULLQ, pmullq) OP(PMULLW, pmullw) \
	OP(PMULTISHIFTQB, pmultishiftqb) OP(PMULUDQ, pmuludq) OP(POPCNTB, popcntb) \
	OP(POPCNTD, popcntd) OP(POPCNTQ, popcntq) OP(POPCNTW, popcntw) OP(POR, por) \
	OP(PORD, pord) OP(PORQ, porq) OP(PROLD, prold) OP(PROLQ, prolq) OP(PROLVD, prolvd) \
	OP(PROLVQ, prolvq) OP(PRORD, prord) OP(PRORQ, prorq) OP(PRORVD, prorvd) \
	OP(PRORVQ, prorvq) OP(PSADBW, psadbw) OP(PSCATTERDD, pscatterdd) \
	OP(PSCATTERDQ, pscatterdq) OP(PSCATTERQD, pscatterqd) OP(PSCATTERQQ, pscatterqq) \
	OP(PSHLDD, pshldd) OP(PSHLDQ, pshldq) OP(PSHLDVD, pshldvd) OP(PSHLDVQ, pshldvq) \
	OP(PSHLDVW, pshldvw) OP(PSHLDW, pshldw) OP(PSHRDD, pshrdd) OP(PSHRDQ, pshrdq) \
	OP(PSHRDVD, pshrdvd) OP(PSHRDVQ, pshrdvq) OP(PSHRDVW, pshrdvw) OP(PSHRDW, pshrdw) \
	OP(PSHUFB, pshufb) OP(PSHUFBITQMB, pshufbitqmb) OP(PSHUFD, pshufd) OP(PSHUFHW, pshufhw) \
	OP(PSHUFLW, pshuflw) OP(PSHUFW, pshufw) OP(PSIGNB, psignb) OP(PSIGND, psignd) \
	OP(PSIGNW, psignw) OP(PSLLD, pslld) OP(PSLLDQ, pslldq) OP(PSLLQ, psllq) \
	OP(PSLLVD, psllvd) OP(PSLLVQ, psllvq) OP(PSLLVW, psllvw) OP(PSLLW, psllw) \
	OP(PSRAD, psrad) OP(PSRAQ, psraq) OP(PSRAVD, psravd) OP(PSRAVQ, psravq) \
	OP(PSRAVW, psravw) OP(PSRAW, psraw) OP(PSRLD, psrld) OP(PSRLDQ, psrldq) \
	OP(PSRLQ, psrlq) OP(PSRLVD, psrlvd) OP(PSRLVQ, psrlvq) OP(PSRLVW, psrlvw) \
	OP(PSRLW, psrlw) OP(PSUBB, psubb) OP(PSUBD, psubd) OP(PSUBQ, psubq) OP(PSUBSB, psubsb) \
	OP(PSUBSW, psubsw) OP(PSUBUSB, psubusb) OP(PSUBUSW, psubusw) OP(PSUBW, psubw) \
	OP(PTERNLOGD, pternlogd) OP(PTERNLOGQ, pternlogq) OP(PTEST, ptest) OP(PTESTMB, ptestmb) \
	OP(PTESTMD, ptestmd) OP(PTESTMQ, ptestmq) OP(PTESTMW, ptestmw) OP(PTESTNMB, ptestnmb) \
	OP(PTESTNMD, ptestnmd) OP(PTESTNMQ, ptestnmq) OP(PTESTNMW, ptestnmw) \
	OP(PUNPCKHBW, punpckhbw) OP(PUNPCKHDQ, punpckhdq) OP(PUNPCKHQDQ, punpckhqdq) \
	OP(PUNPCKHWD, punpckhwd) OP(PUNPCKLBW, punpcklbw) OP(PUNPCKLDQ, punpckldq) \
	OP(PUNPCKLQDQ, punpcklqdq) OP(PUNPCKLWD, punpcklwd) OP(PXOR, pxor) OP(PXORD, pxord) \
	OP(PXORQ, pxorq) OP(RANGEPD, rangepd) OP(RANGEPS, rangeps) OP(RANGESD, rangesd) \
	OP(RANGESS, rangess) OP(RCP14PD, rcp14pd) OP(RCP14PS, rcp14ps) OP(RCP14SD, rcp14sd) \
	OP(RCP14SS, rcp14ss) OP(RCPPS, rcpps) OP(RCPSS, rcpss) OP(REDUCEPD, reducepd) \
	OP(REDUCEPS, reduceps) OP(REDUCESD, reducesd) OP(REDUCESS, reducess) \
	OP(RNDSCALEPD, rndscalepd) OP(RNDSCALEPS, rndscaleps) OP(RNDSCALESD, rndscalesd) \
	OP(RNDSCALESS, rndscaless) OP(ROUNDPD, roundpd) OP(ROUNDPS, roundps) \
	OP(ROUNDSD, roundsd) OP(ROUNDSS, roundss) OP(RSQRT14PD, rsqrt14pd) \
	OP(RSQRT14PS, rsqrt14ps) OP(RSQRT14SD, rsqrt14sd) OP(RSQRT14SS, rsqrt14ss) \
	OP(RSQRTPS, rsqrtps) OP(RSQRTSS, rsqrtss) OP(SCALEFPD, scalefpd) OP(SCALEFPS, scalefps) \
	OP(SCALEFSD, scalefsd) OP(SCALEFSS, scalefss) OP(SCATTERDPD, scatterdpd) \
	OP(SCATTERDPS, scatterdps) OP(SCATTERQPD, scatterqpd) OP(SCATTERQPS, scatterqps) \
	OP(SHA1MSG1, sha1msg1) OP(SHA1MSG2, sha1msg2) OP(SHA1NEXTE, sha1nexte) \
	OP(SHA1RNDS4, sha1rnds4) OP(SHA256MSG1, sha256msg1) OP(SHA256MSG2, sha256msg2) \
	OP(SHA256RNDS2, sha256rnds2) OP(SHUFF32X4, shuff32x4) OP(SHUFF64X2, shuff64x2) \
	OP(SHUFI32X4, shufi32x4) OP(SHUFI64X2, shufi64x2) OP(SHUFPD, shufpd) OP(SHUFPS, shufps) \
	OP(SQRTPD, sqrtpd) OP(SQRTPS, sqrtps) OP(SQRTSD, sqrtsd) OP(SQRTSS, sqrtss) \
	OP(SUBPD, subpd) OP(SUBPS, subps) OP(SUBSD, subsd) OP(SUBSS, subss) OP(TESTPD, testpd) \
	OP(TESTPS, testps) OP(UCOMISD, ucomisd) OP(UCOMISS, ucomiss) OP(UNPCKHPD, unpckhpd) \
	OP(UNPCKHPS, unpckhps) OP(UNPCKLPD, unpcklpd) OP(UNPCKLPS, unpcklps) OP(XORPD, xorpd) \
	OP(XORPS, xorps) OP(ZEROALL, zeroall) OP(ZEROUPPER, zeroupper) \
	OP(SIMD_END, end)
/* clang-format on */

#define INSN_OP_ENUM(id, name) OP_##id,
enum insn_op { INSN_OPS(INSN_OP_ENUM) N_OPS };
#undef INSN_OP_ENUM
