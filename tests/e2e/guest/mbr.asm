; SPDX-License-Identifier: GPL-2.0-or-later
;
; A boot sector that says one line on COM1 and ends as ENDING says. The smallest guest of a BIOS.
; nasm -f bin -D ENDING=POWEROFF|RESET|CRASH|HANG mbr.asm

%define POWEROFF 1
%define RESET    2
%define CRASH    3
%define HANG     4

COM1            equ 0x3f8
LPC_PMBASE      equ 0x8000f840  ; configuration address of 00:1f.0, register 0x40
PM1_CNT         equ 4
SLP_EN          equ 1 << 13     ; with sleep type 0: S5 of a q35 machine
RESET_PORT      equ 0xcf9
RESET_NOW       equ 6

        bits 16
        org 0x7c00

start:  cli
        cld
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, start
        mov si, line
next:   lodsb
        test al, al
        jz done
        call put
        jmp next

done:
%if ENDING == POWEROFF
        mov dx, 0xcf8
        mov eax, LPC_PMBASE
        out dx, eax
        mov dx, 0xcfc
        in ax, dx
        and ax, 0xff80
        add ax, PM1_CNT
        mov dx, ax
        mov ax, SLP_EN
        out dx, ax
%elif ENDING == RESET
        mov dx, RESET_PORT
        mov al, RESET_NOW
        out dx, al
%elif ENDING == CRASH
        lidt [no_idt]
        int3
%endif
stop:   hlt
        jmp stop

put:    mov ah, al              ; AH: the character
        mov dx, COM1 + 5
busy:   in al, dx
        test al, 0x20           ; transmitter empty
        jz busy
        mov al, ah
        mov dx, COM1
        out dx, al
        ret

line:   db "oriel-guest: boot sector", 13, 10, 0
no_idt: dw 0
        dd 0

        times 446 - ($ - $$) db 0
        times 64 db 0           ; no partitions
        dw 0xaa55
